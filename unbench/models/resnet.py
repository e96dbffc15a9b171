"""torchvision's ResNet-18 with the CIFAR stem: a 3x3 first convolution, no max-pooling."""

from __future__ import annotations

from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, ResNet

from unbench.models.convolutional import BatchNorm
from unbench.models.precision import Backbone, in_own_precision


class ResNet18(Backbone, ResNet):
    """ResNet-18 (He et al., arXiv 1512.03385); the usual small-image stem up to 64 pixels.

    Args:
        image_size, channels: of the inputs (N, channels, image_size, image_size).
        classes: length of the outputs.
    """

    def __init__(self, *, image_size: int, channels: int, classes: int) -> None:
        super().__init__(BasicBlock, [2, 2, 2, 2], num_classes=classes, norm_layer=BatchNorm)
        if image_size <= 64:
            self.conv1 = nn.Conv2d(channels, 64, kernel_size=3, stride=1, padding=1, bias=False)
            self.maxpool = nn.Identity()
        else:
            self.conv1 = nn.Conv2d(channels, 64, kernel_size=7, stride=2, padding=3, bias=False)

    @in_own_precision
    def forward(self, images: Tensor) -> Tensor:
        """Return logits (N, classes)."""
        logits: Tensor = super().forward(images)
        return logits
