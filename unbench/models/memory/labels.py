"""A memory of labelled keys, for methods that classify an image by the labels of its neighbours."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from unbench.models.memory.memory import Memory
from unbench.models.memory.vectors import unit

_ROUNDING = 1e-6
"""Keys of unit length that differ by less are the same: on a GPU, the scaling depends on the batch's size."""


class LabelMemory(Memory):
    """A memory whose tokens are its entries' labels, one-hot and not trained, so that they are deleted with the keys.

    Args:
        ids: int64, (N,), all different.
        keys: float, (N, D), finite.
        labels: int64, (N,), in 0..classes-1.
        classes: width of the tokens.
    """

    def __init__(self, ids: Tensor, keys: Tensor, labels: Tensor, classes: int) -> None:
        super().__init__(ids, keys, classes)
        self.tokens.data = functional.one_hot(labels.to(self.tokens.device), classes).to(self.tokens.dtype)

    @torch.no_grad()
    def nearest_others(self, queries: Tensor, k: int) -> tuple[Tensor, Tensor, Tensor]:
        """Find the entries nearest to each query, as `nearest`, except the query itself.

        One entry that has the query's key is left out: of several, the one with the lowest id. Which one does not
        matter if their labels agree, as those of copies do.

        Returns:
            rows: int64, (B, m), m = min(k, N).
            similarities: float32, (B, m).
            others: bool, (B, m), false where there are too few other entries to fill the row.
        """
        rows, similarities = self.nearest(queries, k + 1)
        scaled = unit(queries, "queries")
        # Only an entry that is as similar as the first can be the query itself; comparing all would take B * k keys.
        query, rank = (similarities >= similarities[:, :1] - _ROUNDING).nonzero(as_tuple=True)
        same = torch.zeros_like(rows, dtype=torch.bool)
        same[query, rank] = ((self.keys[rows[query, rank]] - scaled[query]).abs() < _ROUNDING).all(1)
        own = same & (same.cumsum(1) == 1)
        order = own.to(torch.int8).argsort(dim=1, stable=True)[:, :k]
        return rows.gather(1, order), similarities.gather(1, order), ~own.gather(1, order)
