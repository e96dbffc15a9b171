"""Exact search: a matrix product of unit vectors and its k largest values, in chunks of queries.

The order by similarity does not depend on where a row is stored.
"""

import torch
from torch import Tensor

_PRODUCT = 2**26
"""Similarities computed at a time: 256 MiB."""
_SLACK = 4e-6
"""Twice the error of a float32 product of unit vectors: two keys that are closer may come in any order."""
_TIES = 4096
"""Keys as near as the k-th that are compared precisely; of more (a blank query), those with the largest products."""
_AT_ONCE = 2**22
"""Numbers gathered at a time: 32 MiB in double precision, about the size of a processor's cache."""


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
    if k == 0:
        return ids.new_empty(len(queries), 0), keys.new_empty(len(queries), 0)
    found = [_search(keys, ids, part, k) for part in queries.split(max(1, _PRODUCT // len(keys)))]
    rows, values = (torch.cat(parts) for parts in zip(*found, strict=True))
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
