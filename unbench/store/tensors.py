"""Named tensors as they are stored and identified."""

import hashlib
from collections.abc import Mapping

import torch
from torch import Tensor


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
