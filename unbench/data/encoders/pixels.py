"""Keys without a network: the image itself, scaled down, or its principal components."""

import torch
from torch import Tensor, nn

from unbench.data.batches import normalise
from unbench.data.encoders.base import Encoder

KEY_SIDE = 16
"""The side to which larger images are average-pooled: larger keys cost memory and retrieve no better."""

COMPONENTS = 64


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


class Pca(Encoder):
    """Pixel keys projected onto their first principal components, at most 64, not whitened.

    The basis comes from validation images only. A basis fitted to training images would keep what deleted images
    contributed, and deleting their keys would not undo that.

    Unwhitened, 64 components retrieve as well as all pixels (digits, 5 nearest neighbours: 98.2 % both); whitening
    gives components of little variance, which are mostly noise, equal weight (89.3 %).
    """

    name = "pca"
    trained_on = "the validation images of this data set (PCA)"

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._mean: Tensor | None = None
        self._basis: Tensor | None = None

    def fit(self, images: Tensor) -> None:
        """Find the basis of validation images, uint8 (N, C, S, S); equal images give equal bases."""
        from sklearn.decomposition import PCA

        flat = torch.cat([pooled(part) for part in images.cpu().split(256)]).numpy()
        # The full solver has no random start. With N images there are N - 1 directions at most.
        found = PCA(max(1, min(COMPONENTS, len(flat) - 1, flat.shape[1])), svd_solver="full").fit(flat)
        self.load_state({"mean": torch.from_numpy(found.mean_), "basis": torch.from_numpy(found.components_)})

    @property
    def dim(self) -> int:
        """Number of components; raises ValueError before `fit`."""
        return len(self._fitted()[1])

    def keys(self, pixels: Tensor) -> Tensor:
        """Compute keys float32 (B, components) of images, uint8 (B, C, S, S); raise ValueError before `fit`."""
        mean, basis = self._fitted()
        return (pooled(pixels.to(self.device)) - mean) @ basis.T

    def state(self) -> dict[str, Tensor]:
        """Return mean (D,) and basis (components, D); raise ValueError before `fit`."""
        mean, basis = self._fitted()
        return {"mean": mean.cpu(), "basis": basis.cpu()}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Restore mean and basis."""
        self._mean = state["mean"].to(self.device, torch.float32)
        self._basis = state["basis"].to(self.device, torch.float32)

    def _fitted(self) -> tuple[Tensor, Tensor]:
        if self._mean is None or self._basis is None:
            raise ValueError("PCA has no basis yet: fit it to validation images first")
        return self._mean, self._basis


def pooled(pixels: Tensor) -> Tensor:
    """Pool and flatten images, uint8 (B, C, S, S), to (B, C * side * side), each with mean 0."""
    images = normalise(pixels)
    if images.shape[-1] > KEY_SIDE:
        images = nn.functional.adaptive_avg_pool2d(images, KEY_SIDE)
    flat = images.flatten(1)
    return flat - flat.mean(dim=1, keepdim=True)
