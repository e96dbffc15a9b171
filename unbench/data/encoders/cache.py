"""A cache of features on disk, from which a deleted image's rows can be erased."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock
from numpy.typing import DTypeLike, NDArray
from torch import Tensor

from unbench.config.seeds import digest
from unbench.data.cache import cache_folder
from unbench.data.encoders.base import Encoder, FeatureEncoder
from unbench.data.images import Dataset, Ints
from unbench.errors import DataError
from unbench.progress import Progress
from unbench.store.tensors import content_hash

BATCH = 32
"""Images in one pass of an encoder: with more, a network at 224 pixels would need hundreds of megabytes."""

DTYPES = {"keys": np.float32, "maps": np.float16}
"""How features are stored, by kind."""

ABSENT = -1
"""Stands in place of an absent row's checksum; checksums are never negative."""


class FeatureCache:
    """Keys and maps of one data set's images, by any encoder.

    Each encoder, kind ("keys", "maps") and split has its own table, named after the encoder, its version, what it was
    trained on and what it was fitted to. A damaged row or table is computed again. A lock makes processes take turns.

    Args:
        data: the data set; its fingerprint identifies the pixels.
        folder: default CACHE/features/<data set>-<fingerprint>.
    """

    def __init__(self, data: Dataset, folder: Path | None = None) -> None:
        self.data = data
        self.folder = folder or cache_folder() / "features" / f"{data.name}-{data.fingerprint}"
        self._fitted: list[Encoder] = []

    def keys(self, encoder: Encoder, split: str, progress: Progress | None = None) -> NDArray[np.float32]:
        """Return keys float32 (N, D) of the images of a split, in their order, as a copy in memory.

        The encoder is fitted to the validation images first, and stays fitted.

        Args:
            encoder: from unbench.data.encoders.load.
            split: "train", "val" or "test".
            progress: shows the computation.

        Raises:
            DataError: the folder cannot be used.
        """
        return self._get(encoder, split, ("keys",), progress or Progress())["keys"]

    def maps(self, encoder: FeatureEncoder, split: str, progress: Progress | None = None) -> NDArray[np.float16]:
        """Return maps float16 (N, C', h, w), as `keys`; the pass that computes them stores the keys too.

        `keys` does not store maps, which are a hundred times as large: ask for the maps first to get both in one
        pass.
        """
        return self._get(encoder, split, ("maps", "keys"), progress or Progress())["maps"]

    def _get(self, encoder: Encoder, split: str, kinds: tuple[str, ...], progress: Progress) -> dict[str, NDArray[Any]]:
        self._fit(encoder)
        images = self.data.splits[split]
        with locked(self.folder):
            tables = {kind: self._table(encoder, kind, split, len(images)) for kind in kinds}
            found = {kind: table.read() for kind, table in tables.items()}
            rows = {kind: values for kind, (values, _) in found.items()}
            absent = np.flatnonzero(~np.logical_and.reduce([present for _, present in found.values()]))
            batches = np.array_split(absent, range(BATCH, len(absent), BATCH)) if len(absent) else []
            title = f"{kinds[0]} of {self.data.name} {split} by {encoder.name}"
            for at in progress.named(title).track(batches, "batches", len(batches)) if batches else ():
                # One at a time on a CPU, which is as fast: sums of a batch depend on its size, and an image that is
                # computed again after its eviction must get the same features to the last bit.
                parts = _tensor(images.pixels[at]).split(1 if encoder.device.type == "cpu" else BATCH)
                computed = [encoder.features(part) for part in parts]
                for kind, table in tables.items():
                    rows[kind][at] = torch.cat([features[kind] for features in computed]).cpu().numpy()
                    table.write(at, rows[kind][at])
        return rows

    def _fit(self, encoder: Encoder) -> None:
        # Networks have nothing to fit, and copying large images takes time.
        if not isinstance(encoder, FeatureEncoder) and not any(known is encoder for known in self._fitted):
            encoder.fit(_tensor(self.data.val.pixels))
            self._fitted.append(encoder)

    def _table(self, encoder: Encoder, kind: str, split: str, count: int) -> FeatureTable:
        readable = re.sub(r"[^A-Za-z0-9_-]", "_", encoder.name)
        # What was fitted is part of the name: another library version may flip the sign of a component.
        meaning = digest([encoder.name, encoder.version, encoder.trained_on, content_hash(encoder.state())], 8)
        path = self.folder / f"{readable}-v{encoder.version}-{meaning}.{kind}.{split}.npy"
        return FeatureTable(path, (count, *encoder.shapes[kind]), DTYPES[kind])


def _tensor(pixels: NDArray[np.uint8]) -> Tensor:
    # A copy: mapped pixels are read-only, and torch has no read-only tensors.
    return torch.from_numpy(np.array(pixels))


class FeatureTable:
    """N rows in the file `path`, and beside it, for each row, its CRC-32 or ABSENT.

    A row counts as present only if its checksum fits, so that a crash at any moment, or damage, leaves rows absent
    and none wrong. Not safe for several processes at once: the caller holds a lock.
    """

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: DTypeLike) -> None:
        self.path = path
        self.shape = shape
        self.dtype = np.dtype(dtype)

    def read(self) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return a copy of all rows, zero where absent, and which are present (N,)."""
        rows = np.zeros(self.shape, self.dtype)
        present = np.zeros(len(rows), dtype=np.bool_)
        found = self._open()
        if found is not None:
            stored, checks = found
            for at in np.flatnonzero(checks != ABSENT):
                rows[at] = stored[at]
                present[at] = _check(rows[at]) == checks[at]
            rows[~present] = 0
        return rows, present

    def write(self, at: Ints, rows: NDArray[Any]) -> None:
        """Store `rows` at the positions `at`."""
        stored, checks = self._open() or self._create()
        stored[at] = rows
        checks[at] = [_check(row) for row in rows.astype(self.dtype)]

    def _open(self) -> tuple[NDArray[Any], Ints] | None:
        found = _open(self.path)
        return found if found and found[0].shape == self.shape and found[0].dtype == self.dtype else None

    def _create(self) -> tuple[NDArray[Any], Ints]:
        # Written out, not mapped: on a full disk that is an error here, not a killed process later.
        self.path.unlink(missing_ok=True)
        np.save(checks_path(self.path), np.full(self.shape[:1], ABSENT))
        np.save(self.path, np.zeros(self.shape, self.dtype))
        found = self._open()
        assert found is not None
        return found


@dataclass(frozen=True, eq=False)
class Eviction:
    """A function that erases images' rows from every table of a split. It holds no image, no label and no feature.

    It covers every encoder and kind in one folder: another preset of the data set has its own. The bytes are
    overwritten in place; older versions that a file system may keep are beyond reach.

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


def erase(path: Path, at: Ints) -> int:
    """Mark the rows `at` of a table absent and overwrite them with zeros; return how many of them were present.

    A table that cannot be read is removed whole, because it is unknown what its rows hold.
    """
    found = _open(path)
    if found is None:
        path.unlink(missing_ok=True)
        return 0
    rows, checks = found
    present = int((checks[at] != ABSENT).sum())
    for array, blank in ((rows, 0), (checks, ABSENT)):
        array[at] = blank
        array.flush()
    return present


def checks_path(path: Path) -> Path:
    """Return the file of the checksums of the table at `path`."""
    return path.with_suffix(".crc.npy")


def _open(path: Path) -> tuple[np.memmap[Any, Any], np.memmap[Any, Any]] | None:
    try:
        rows = np.load(path, mmap_mode="r+", allow_pickle=False)
        checks = np.load(checks_path(path), mmap_mode="r+", allow_pickle=False)
    except (FileNotFoundError, ValueError, EOFError):
        return None
    return (rows, checks) if checks.dtype == np.int64 and checks.shape == rows.shape[:1] else None


def _check(row: NDArray[Any]) -> int:
    return zlib.crc32(np.ascontiguousarray(row).data)
