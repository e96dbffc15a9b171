"""Keys without a network: the image itself, scaled down."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from unbench.data.batches import normalise
from unbench.data.encoders.base import Encoder

KEY_SIDE = 16
"""The side to which larger images are average-pooled: larger keys cost memory and retrieve no better."""


class Pixels(Encoder):
    """Pooled pixels in [-1, 1] with each image's mean removed, so that brightness does not matter."""

    name = "pixels"
    trained_on = "nothing (pixels)"

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._dim: int | None = None

    def fit(self, images: Tensor) -> None:
        """Note the shape of images (N, C, S, S), on which the length of a key depends; their content is not used."""
        self._dim = images.shape[1] * min(KEY_SIDE, images.shape[-1]) ** 2

    @property
    def dim(self) -> int:
        """Length of a key; raises ValueError before `fit`."""
        if self._dim is None:
            raise ValueError("the length of pixel keys depends on the images: fit first")
        return self._dim

    def keys(self, pixels: Tensor) -> Tensor:
        """Compute keys float32 (B, C * side * side) of images, uint8 (B, C, S, S)."""
        return pooled(pixels.to(self.device))


def pooled(pixels: Tensor) -> Tensor:
    """Pool and flatten images, uint8 (B, C, S, S), to (B, C * side * side), each with mean 0."""
    images = normalise(pixels)
    if images.shape[-1] > KEY_SIDE:
        images = nn.functional.adaptive_avg_pool2d(images, KEY_SIDE)
    flat = images.flatten(1)
    return flat - flat.mean(dim=1, keepdim=True)


load = Pixels
