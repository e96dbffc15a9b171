"""The in-memory form of a data set: images, channels first, with integer labels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Images:
    """N labelled images.

    Attributes:
        pixels: uint8, (N, C, H, W), often memory-mapped; or float feature maps of a frozen backbone in their place.
        labels: int64, (N,), in 0..K-1.
        ids: int64, (N,): position in the published split, the same in every subset.
        keys: float32, (N, D): by which a memory finds each image, from its un-augmented pixels; None where no method
            asks for them.
    """

    pixels: NDArray[Any]
    labels: Ints
    ids: Ints
    keys: Floats | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: Ints) -> Images:
        """Return a copy of the images at `rows` (positions, not ids), in that order."""
        keys = None if self.keys is None else self.keys[rows]
        return Images(np.asarray(self.pixels[rows]), self.labels[rows], self.ids[rows], keys)

    def relabelled(self, labels: Ints) -> Images:
        """Return the same images with other labels (N,)."""
        return replace(self, labels=np.asarray(labels, dtype=np.int64))

    def without_labels(self) -> Images:
        """Return the same images, every label -1."""
        return self.relabelled(np.full(len(self), -1))

    @staticmethod
    def join(*parts: Images) -> Images:
        """Return a copy of several sets as one, in their order."""
        keys = [part.keys for part in parts if part.keys is not None]
        return Images(
            np.concatenate([part.pixels for part in parts]),
            np.concatenate([part.labels for part in parts]),
            np.concatenate([part.ids for part in parts]),
            np.concatenate(keys) if len(keys) == len(parts) else None,
        )


@dataclass(frozen=True)
class Dataset:
    """Train, validation and test images of one preset, and where they came from.

    Attributes:
        name, version: of the card.
        classes: class names, one per label.
        train, val, test: disjoint splits.
        fingerprint: hash of every pixel, label and class name in use; it enters result keys.
        checksum: "matches", "differs" or "none published": how the source files compare with the published ones.
        mismatches: one sentence for each way in which they differ.
    """

    name: str
    version: int
    classes: tuple[str, ...]
    train: Images
    val: Images
    test: Images
    fingerprint: str
    checksum: str
    mismatches: tuple[str, ...] = ()

    @property
    def splits(self) -> dict[str, Images]:
        """The three splits by name."""
        return {"train": self.train, "val": self.val, "test": self.test}
