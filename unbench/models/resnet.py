"""torchvision's ResNet-18 with the CIFAR stem: a 3x3 first convolution, no max-pooling."""

from __future__ import annotations

from torch import nn

from unbench.models.norm import BatchNorm


def resnet18(*, image_size: int, channels: int, classes: int) -> nn.Module:
    """Return an untrained ResNet-18 (He et al., arXiv 1512.03385); the usual small-image stem up to 64 pixels."""
    from torchvision.models import resnet18 as build

    model: nn.Module = build(weights=None, num_classes=classes, norm_layer=BatchNorm)
    if image_size <= 64:
        model.conv1 = nn.Conv2d(channels, 64, kernel_size=3, stride=1, padding=1, bias=False)
        model.maxpool = nn.Identity()
    else:
        model.conv1 = nn.Conv2d(channels, 64, kernel_size=7, stride=2, padding=3, bias=False)
    return model
