"""MUNKEY's external memory: fixed keys, one learnable token each, and what it takes to forget them.

Knows nothing of images. Forgetting an entry removes its row from every tensor; nothing else holds a copy.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Memory(nn.Module):
    """N entries: ids (N,) int64, keys (N, D) of unit length, tokens (N, width), the only learnable part.

    Args:
        ids: int64, (N,), all different: the example each entry belongs to.
        keys: float, (N, D), finite; scaled to unit length here, so that a dot product is the cosine.
        width: dimension of the exemplar tokens.
    """

    ids: Tensor
    keys: Tensor

    def __init__(self, ids: Tensor, keys: Tensor, width: int) -> None:
        super().__init__()
        if len(ids) != len(keys) or len(torch.unique(ids)) != len(ids):
            raise ValueError("a memory needs one key per id and every id once")
        if not torch.isfinite(keys).all():
            raise ValueError("a memory's keys must be finite")
        self.register_buffer("ids", ids.clone())
        self.register_buffer("keys", nn.functional.normalize(keys, dim=1))
        self.tokens = nn.Parameter(0.02 * torch.randn(len(ids), width))

    def __len__(self) -> int:
        return len(self.ids)

    def nearest(self, queries: Tensor, k: int) -> Tensor:
        """Rows (B, min(k, N)) of the entries most similar to `queries` (B, D), the nearest first."""
        similarity = nn.functional.normalize(queries, dim=1) @ self.keys.T
        return similarity.topk(min(k, len(self)), dim=1).indices

    def neighbours(self, k: int, chunk: int = 1024) -> Tensor:
        """Rows (N, min(k, N-1)) of each entry's nearest other entries."""
        found = []
        for start in range(0, len(self), chunk):
            similarity = self.keys[start : start + chunk] @ self.keys.T
            own = torch.arange(start, start + len(similarity), device=similarity.device)
            similarity[own - start, own] = -torch.inf
            found.append(similarity.topk(min(k, len(self) - 1), dim=1).indices)
        return torch.cat(found)

    @torch.no_grad()
    def forget(self, ids: Tensor) -> int:
        """Delete the entries of `ids` and return how many there were; ids that are not stored count nothing.

        New, smaller tensors replace the old ones, which are wiped first: a view that someone still holds must
        not keep what was deleted.
        """
        keep = ~torch.isin(self.ids, ids.to(self.ids.device))
        deleted = int((~keep).sum())
        if deleted == 0:
            return 0
        old = (self.ids, self.keys, self.tokens.data)
        self.ids, self.keys = self.ids[keep].clone(), self.keys[keep].clone()
        self.tokens = nn.Parameter(self.tokens.data[keep].clone())
        for tensor in old:
            tensor.zero_()
        return deleted
