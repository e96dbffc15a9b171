"""Exact search: a matrix product and its k largest values, in chunks of queries."""

from __future__ import annotations

import torch
from torch import Tensor

from unbench.models.memory.vectors import best, order

_PRODUCT = 2**26
"""Similarities computed at a time: 256 MiB."""
_SLACK = 4e-6
"""Twice the error of a float32 product of unit vectors: two keys that are closer may come in any order."""
_TIES = 4096
"""Keys as near as the k-th that are compared precisely; of more (a blank query), those with the largest products."""


def search(keys: Tensor, ids: Tensor, queries: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Find the k nearest of all entries, the most similar first and equally similar ones by their id.

    Args:
        keys: float32, (N, D), of unit length or zero.
        ids: int64, (N,), all different.
        queries: float32, (B, D), of unit length or zero, on the device of `keys`.
        k: at most N.

    Returns:
        rows: int64, (B, k).
        similarities: float32, (B, k), cosines.
    """
    rows = torch.empty(len(queries), k, dtype=torch.int64, device=keys.device)
    values = torch.empty(len(queries), k, dtype=torch.float32, device=keys.device)
    if k == 0:
        return rows, values
    step = max(1, _PRODUCT // len(keys))
    for start in range(0, len(queries), step):
        part = slice(start, start + step)
        rows[part], values[part] = _search(keys, ids, queries[part], k)
    return rows, values


def _search(keys: Tensor, ids: Tensor, queries: Tensor, k: int) -> tuple[Tensor, Tensor]:
    product = queries @ keys.T
    largest, candidates = product.topk(min(k + 1, len(keys)), dim=1)
    rows, values = best(keys, ids, queries, candidates, k)
    if len(keys) == k:
        return rows, values
    worst = largest[:, k - 1] - _SLACK
    for query in (largest[:, k] >= worst).nonzero()[:, 0].tolist():
        tied = (product[query] >= worst[query]).nonzero()[:, 0]
        if len(tied) > _TIES:
            tied = tied[order(product[query, tied][None], ids[tied][None])[0, : max(k, _TIES)]]
        found = best(keys, ids, queries[query : query + 1], tied[None], k)
        rows[query], values[query] = found[0][0], found[1][0]
    return rows, values
