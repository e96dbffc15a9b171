"""Named arrays on disk: safetensors, written atomically, never unpickled."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from unbench.errors import StoreError
from unbench.files import atomic_path

Arrays = dict[str, NDArray[Any]]


def save_arrays(path: Path, arrays: Mapping[str, NDArray[Any]], notes: Mapping[str, str] | None = None) -> None:
    """Store arrays by name, and notes as texts by name, in place of what was there.

    Raises:
        StoreError: the file cannot be written; what was there stays.
    """
    try:
        with atomic_path(path) as temporary:
            contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
            save_file(contiguous, temporary, metadata=dict(notes) if notes else None)
    except (OSError, SafetensorError) as error:
        raise StoreError(f"cannot write {path}: {error}") from error


def load_arrays(path: Path) -> tuple[Arrays, dict[str, str]]:
    """The arrays and the notes of a file; raises StoreError if it is damaged."""
    try:
        with safe_open(path, "numpy") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, dict(file.metadata() or {})  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise StoreError(f"{path} is damaged ({error}); remove it") from error
