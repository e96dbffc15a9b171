"""Convolutional networks: torchvision's ResNet-18, and a small one for machines where a ResNet takes hours."""

from itertools import pairwise

from torch import Tensor, nn


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


def resnet18(*, image_size: int, channels: int, classes: int) -> nn.Module:
    """Return an untrained ResNet-18 (He et al., arXiv 1512.03385).

    Up to 64 pixels it has the usual stem for small images: a 3x3 first convolution and no max-pooling.
    """
    from torchvision.models import resnet18 as build

    model: nn.Module = build(weights=None, num_classes=classes, norm_layer=BatchNorm)
    if image_size <= 64:
        model.conv1 = nn.Conv2d(channels, 64, kernel_size=3, stride=1, padding=1, bias=False)
        model.maxpool = nn.Identity()
    else:
        model.conv1 = nn.Conv2d(channels, 64, kernel_size=7, stride=2, padding=3, bias=False)
    return model


class ConvNet(nn.Module):
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

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (N, classes)."""
        logits: Tensor = self.fc(self.features(images).mean(dim=(2, 3)))
        return logits


def _block(before: int, after: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs in (before, after):
        layers += [nn.Conv2d(inputs, after, 3, padding=1, bias=False), BatchNorm(after), nn.ReLU()]
    return nn.Sequential(*layers)
