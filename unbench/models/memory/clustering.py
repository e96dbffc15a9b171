"""Spherical k-means by torch's matrix product; that of faiss took five times as long on a recent processor."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

_CHUNK = 4096
_ROUNDS = 6
"""Rounds of k-means: more cost build time and gain no speed at the recall we want."""


def cluster(vectors: Tensor, count: int) -> Tensor:
    """Find centres (count, D) of unit length for unit vectors (N, D), N >= count, starting from the first `count`."""
    centres = vectors[:count].clone()
    for _ in range(_ROUNDS):
        sums = torch.zeros_like(centres).index_add_(0, assign(vectors, centres), vectors)
        # A centre that is nearest to no vector, or whose vectors cancel out, stays.
        centres = torch.where(sums.any(dim=1, keepdim=True), normalize(sums, dim=1), centres)
    return centres


def assign(vectors: Tensor, centres: Tensor) -> Tensor:
    """Return the most similar centre (N,) int64 of each vector (N, D)."""
    return torch.cat([(part @ centres.T).argmax(dim=1) for part in vectors.split(_CHUNK)])
