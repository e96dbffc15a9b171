"""Named tensors as they are stored and identified."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from unbench.errors import RUN, DamagedError
from unbench.store.arrays import notes_of
from unbench.store.checksum import BLANK, CHECKSUM_KEY
from unbench.store.files import read_verified, write_with_checksum


def storable(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors as safetensors takes them: on the CPU, contiguous, without a graph."""
    return {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}


def content_hash(state: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of names, types, shapes and bytes of all tensors, whatever file they are in."""
    total = hashlib.sha256()
    for name, tensor in sorted(storable(state).items()):
        total.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        total.update(tensor.view(-1).view(torch.uint8).numpy().data)
    return total.hexdigest()


def save_tensors(path: Path, state: Mapping[str, Tensor], notes: Mapping[str, str] | None = None) -> None:
    """Store tensors by name, and texts by name, in place of what was there, with a checksum.

    Raises:
        StoreError: the file cannot be written; what was there stays.
    """
    write_with_checksum(path, save(storable(state), metadata={**(notes or {}), CHECKSUM_KEY: BLANK}))


def load_tensors(path: Path, again: str = RUN) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors and the notes of a file; `again` is the command that makes such a file.

    Raises:
        DamagedError: the file is missing, or not what was written.
        StoreError: it cannot be read.
    """
    content = read_verified(path, again)
    try:
        return dict(load(content)), notes_of(content)
    except (SafetensorError, ValueError, KeyError) as error:
        raise DamagedError(path, error, again) from error
