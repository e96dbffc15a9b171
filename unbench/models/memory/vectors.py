"""Unit vectors, their similarities, and an order by similarity that does not depend on where a row is stored."""

from __future__ import annotations

import torch
from torch import Tensor

_AT_ONCE = 2**22
"""Numbers gathered at a time: 32 MiB in double precision, about the size of a processor's cache."""


def unit(vectors: Tensor, what: str) -> Tensor:
    """Return a float32 copy (N, D) of `vectors` (N, D) scaled to unit length; zero vectors stay zero.

    Raises:
        ValueError: `what` (named in the message) is not a matrix, or a number is not finite in float32.
    """
    if vectors.ndim != 2:
        raise ValueError(f"{what} must have the shape (count, dimension), not {tuple(vectors.shape)}")
    scaled = vectors.detach().to(torch.float32, copy=True)
    if not torch.isfinite(scaled).all():
        raise ValueError(f"{what} must be finite")
    if scaled.numel() == 0:
        return scaled
    # By the largest number first: the square of a very small or very large one does not fit into float32.
    for order in (torch.inf, 2):
        norm = torch.linalg.vector_norm(scaled, ord=order, dim=1, keepdim=True)
        scaled /= norm.masked_fill_(norm == 0, 1)
    return scaled


def similarities(keys: Tensor, queries: Tensor, rows: Tensor) -> Tensor:
    """Compute cosines (B, C) float32 of unit `queries` (B, D) with the unit keys in `rows` (B, C).

    In double precision and rounded at the end, so that a key's similarity does not depend on where it is stored; a
    matrix product does not guarantee that.
    """
    # Apple's GPUs have no double precision.
    precise = torch.float32 if keys.device.type == "mps" else torch.float64
    step = max(1, _AT_ONCE // max(1, keys.shape[1]))
    out = torch.empty(rows.shape, dtype=torch.float32, device=keys.device)
    each = min(step, max(1, rows.shape[1]))
    for first in range(0, rows.shape[1], each):
        for start in range(0, len(rows), step // each):
            part = slice(start, start + step // each), slice(first, first + each)
            gathered = keys[rows[part]].to(precise)
            out[part] = (gathered @ queries[part[0], :, None].to(precise))[:, :, 0].float()
    return out


def order(values: Tensor, ids: Tensor) -> Tensor:
    """Return positions (B, C) that sort `values` (B, C) in descending order, equal ones by ascending `ids` (B, C)."""
    by_id = ids.argsort(dim=1)
    return by_id.gather(1, values.gather(1, by_id).argsort(dim=1, descending=True, stable=True))


def best(keys: Tensor, ids: Tensor, queries: Tensor, rows: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Choose the k best of the candidates `rows` (B, C): rows (B, k) and similarities (B, k), the best first.

    A row of -1 stands for no candidate, and gets a similarity of -inf.
    """
    found = similarities(keys, queries, rows).masked_fill_(rows < 0, -torch.inf)
    chosen = order(found, ids[rows])[:, :k]
    return rows.gather(1, chosen), found.gather(1, chosen)
