"""Tables of numbers on disk whose rows are each present or absent, and can be erased one by one."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from unbench.data.images import Ints

ABSENT = -1
"""Stands in place of an absent row's checksum; checksums are never negative."""


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
