"""Named arrays on disk: safetensors with a checksum, written atomically, never unpickled."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from unbench.errors import DamagedError
from unbench.store.checksum import BLANK, CHECKSUM_KEY
from unbench.store.files import read_verified, write_with_checksum

Arrays = dict[str, NDArray[Any]]


def save_arrays(path: Path, arrays: Mapping[str, NDArray[Any]], notes: Mapping[str, str] | None = None) -> None:
    """Store arrays by name, and texts by name, in place of what was there.

    Raises:
        StoreError: the file cannot be written; what was there stays.
    """
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    write_with_checksum(path, save(contiguous, metadata={**(notes or {}), CHECKSUM_KEY: BLANK}))


def load_arrays(path: Path, again: str = "'unbench shadow'") -> tuple[Arrays, dict[str, str]]:
    """Return the arrays and the notes of a file; `again` is the command that makes such a file.

    Raises:
        DamagedError: the file is missing, or not what was written.
        StoreError: it cannot be read.
    """
    content = read_verified(path, again)
    try:
        return load(content), notes_of(content)
    except (SafetensorError, ValueError, KeyError) as error:
        raise DamagedError(path, error, again) from error


def notes_of(content: bytes) -> dict[str, str]:
    """Return the texts in the header of a safetensors file, without its checksum.

    Raises:
        ValueError, KeyError: it has no such header.
    """
    # As the format has it: the length of the header in eight bytes, then JSON.
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    return {name: text for name, text in header["__metadata__"].items() if name != CHECKSUM_KEY}
