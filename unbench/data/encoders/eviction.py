"""Erasing what is kept on disk of single images, by whoever knows their ids and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock

from unbench.data.encoders.table import erase
from unbench.data.images import Ints
from unbench.errors import DataError


@dataclass(frozen=True, eq=False)
class Eviction:
    """A function that erases images' rows from every table of a split. It holds no image, no label and no feature.

    Attributes:
        folder: of a FeatureCache.
        ids: of all images of the split, in the order of their rows.
        split: "train", "val" or "test".
    """

    folder: Path
    ids: Ints
    split: str = "train"

    def __call__(self, ids: Ints) -> int:
        """Erase the rows of the images `ids`, passing over unknown ones; return how many stored rows were erased."""
        if not self.folder.is_dir():
            return 0
        rows = np.flatnonzero(np.isin(self.ids, ids))
        with locked(self.folder):
            return sum(erase(path, rows) for path in sorted(self.folder.glob(f"*.{self.split}.npy")))


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Make `folder` and hold its lock for a block; raise DataError if that is not possible."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock"):
            yield
    except OSError as error:
        raise DataError(f"cannot keep features in {folder}: {error}") from error
