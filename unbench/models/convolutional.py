"""Convolutional networks for machines where a ResNet takes hours, and their trunks for transformers to read."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from unbench.models.precision import Backbone, in_own_precision

FIRST = 24
"""Channels of the first convolution of a CifarNet, as in airbench."""

SCALE = 9.0
"""Divisor of a CifarNet's features, as in airbench: logits that begin small let the rate begin high."""


class BatchNorm(nn.BatchNorm2d):
    """PyTorch's batch norm, but a channel with one value in the batch is normalised as in eval mode and not counted.

    One value has no variance, and PyTorch raises. This happens where feature maps have shrunk to 1x1 (ResNet-18 on
    images of 8x8) and a last batch, or a whole forget set, is one image.
    """

    def forward(self, maps: Tensor) -> Tensor:
        """Return normalised maps (N, C, H, W)."""
        if self.training and maps.numel() == maps.shape[1]:
            shift, scale = self.running_mean, self.running_var
            return nn.functional.batch_norm(maps, shift, scale, self.weight, self.bias, eps=self.eps)
        return super().forward(maps)


class ConvNet(Backbone):
    """Three blocks of two 3x3 convolutions with batch normalisation, halving the side between them, then a mean.

    A plain network in the manner of VGG (Simonyan and Zisserman, arXiv 1409.1556), its parts as in ResNets.

    Args:
        image_size, channels: of the inputs (N, channels, image_size, image_size).
        classes: length of the outputs.
        width: channels of the first block; each next block has twice as many.

    Raises:
        ValueError: the inputs are smaller than 4x4, or the width is not positive.
    """

    def __init__(self, *, image_size: int, channels: int, classes: int, width: int = 16) -> None:
        super().__init__()
        if image_size < 4 or width < 1:
            raise ValueError(f"a ConvNet needs images of at least 4x4 and a positive width, not {image_size}, {width}")
        widths = (channels, width, 2 * width, 4 * width)
        blocks = [_block(before, after) for before, after in pairwise(widths)]
        self.features = nn.Sequential(blocks[0], nn.MaxPool2d(2), blocks[1], nn.MaxPool2d(2), blocks[2])
        self.fc = nn.Linear(widths[-1], classes)

    @in_own_precision
    def forward(self, images: Tensor) -> Tensor:
        """Return logits (N, classes)."""
        logits: Tensor = self.fc(self.features(images).mean(dim=(2, 3)))
        return logits


class CifarNet(Backbone):
    """A 2x2 convolution, three blocks of two 3x3 convolutions that halve the side, and the maximum of what is left.

    A fast network for images of about 32 pixels, after airbench (Jordan, arXiv 2404.00498). Unlike airbench's, the
    first convolution is learnt like all others: one that whitens the training images would be computed from the forget
    set, and remember it.

    Args:
        image_size, channels: of the inputs (N, channels, image_size, image_size).
        classes: length of the outputs.
        width: channels of the first block; the second and third have four times as many.

    Raises:
        ValueError: the inputs are smaller than 16x16, or the width is not positive.
    """

    def __init__(self, *, image_size: int, channels: int, classes: int, width: int = 64) -> None:
        super().__init__()
        if image_size < 16 or width < 1:
            raise ValueError(
                f"a CifarNet needs images of at least 16x16 and a positive width, not {image_size}, {width}"
            )
        widths = (FIRST, width, 4 * width, 4 * width)
        blocks = [_halving_block(before, after) for before, after in pairwise(widths)]
        self.features = nn.Sequential(nn.Conv2d(channels, FIRST, kernel_size=2), nn.GELU(), *blocks)
        self.fc = nn.Linear(widths[-1], classes)

    @in_own_precision
    def forward(self, images: Tensor) -> Tensor:
        """Return logits (N, classes)."""
        logits: Tensor = self.fc(self.features(images).amax(dim=(2, 3)) / SCALE)
        return logits


def build_trunk(name: str, image_size: int, channels: int, width: int = 0) -> tuple[nn.Module, int, int]:
    """Return the untrained trunk of a backbone, and the channels and the side of its feature map.

    Args:
        name: of the backbone: "convnet" or "cifarnet".
        image_size, channels: of the images.
        width: of the backbone; 0 for its default.

    Raises:
        ValueError: there is no such trunk, or the images do not suit it.
    """
    kinds: dict[str, type[ConvNet] | type[CifarNet]] = {"convnet": ConvNet, "cifarnet": CifarNet}
    if name not in kinds:
        raise ValueError(f"no trunk is called '{name}'; known: {', '.join(kinds)}")
    options = {"width": width} if width else {}
    trunk = kinds[name](image_size=image_size, channels=channels, classes=1, **options).features
    with torch.no_grad():
        maps = trunk.eval()(torch.zeros(1, channels, image_size, image_size))
    return trunk.train(), maps.shape[1], maps.shape[2]


def _block(before: int, after: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs in (before, after):
        layers += [nn.Conv2d(inputs, after, 3, padding=1, bias=False), BatchNorm(after), nn.ReLU()]
    return nn.Sequential(*layers)


def _halving_block(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, padding=1, bias=False),
        nn.MaxPool2d(2),
        BatchNorm(after),
        nn.GELU(),
        nn.Conv2d(after, after, 3, padding=1, bias=False),
        BatchNorm(after),
        nn.GELU(),
    )
