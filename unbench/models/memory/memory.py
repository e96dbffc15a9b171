"""The memory: fixed keys, a learnable token for each, search for the nearest, and deletion.

Forgetting an entry overwrites its row in every tensor that holds one, in place and without touching other rows;
nothing else holds a copy. Memory that was returned to the allocator is beyond our reach.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot
from torch.optim import Optimizer

from unbench.errors import SpecError
from unbench.models.memory import approximate, exact
from unbench.models.memory.exact import unit

AUTO = 100_000
"""Entries from which `index="auto"` searches approximately: with fewer, an exact search takes a millisecond or two."""

INDEXES = ("auto", "exact", "approximate")

_ROUNDING = 1e-6
"""Keys of unit length that differ by less are the same: on a GPU, the scaling depends on the batch's size."""


class Memory(nn.Module):
    """N entries: ids (N,) int64, keys (N, D) of unit length, and tokens (N, width), the only learnable part.

    Only ids identify an entry: deletion moves the last rows into the holes. `state_dict` holds these three tensors and
    no index; safetensors writes live rows alone, `torch.save` a tensor's whole storage, with zeros for deleted rows.
    The table from id to row takes about 100 bytes of main memory per entry besides.

    Args:
        ids: int64, (N,), all different.
        keys: float, (N, D), finite; scaled to unit length here, so that a dot product is the cosine. Zero stays zero.
        width: dimension of the tokens, which start as normal noise with a standard deviation of 0.02.
        index: "exact"; "approximate", built at the first search, which needs faiss; or "auto": approximate from AUTO
            entries if they are in main memory and faiss is installed.

    Raises:
        ValueError: ids repeat, are not int64, or differ in number from the keys; or keys are not finite.
        SpecError: there is no such index.
    """

    ids: Tensor
    keys: Tensor

    def __init__(self, ids: Tensor, keys: Tensor, width: int, index: str = "auto") -> None:
        super().__init__()
        if index not in INDEXES:
            raise SpecError(f"a memory's index must be one of {', '.join(INDEXES)}, not '{index}'")
        if ids.dtype != torch.int64 or ids.ndim != 1:
            raise ValueError(f"a memory's ids must be int64 of shape (count,), not {ids.dtype} of {tuple(ids.shape)}")
        if len(ids) != len(keys):
            raise ValueError(f"a memory needs one key per id, not {len(keys)} keys for {len(ids)} ids")
        self.index = index
        self.register_buffer("ids", ids.to(keys.device, copy=True))
        self.register_buffer("keys", unit(keys, "a memory's keys"))
        self.tokens = nn.Parameter((0.02 * torch.randn(len(ids), width)).to(keys.device))
        self._reset()

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def bytes_per_entry(self) -> int:
        """Bytes of an id, a key, a token and an entry's share of the index, if one is built; rounded up."""
        numbers = ((self.ids, 1), (self.keys, self.keys.shape[1]), (self.tokens, self.tokens.shape[1]))
        own = sum(count * tensor.element_size() for tensor, count in numbers)
        return own + (-(-self._built.nbytes // len(self)) if self._built is not None and len(self) else 0)

    @property
    def approximate(self) -> bool:
        """Whether searches are approximate at present."""
        if self.index == "auto":
            return len(self) >= AUTO and self.keys.device.type == "cpu" and approximate.available()
        return self.index == "approximate" and len(self) > 0

    @torch.no_grad()
    def nearest(self, queries: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """Find the entries most similar to each query by cosine, the most similar first, equally similar ones by id.

        Args:
            queries: float, (B, D), finite, of any norm.
            k: at least 0.

        Returns:
            rows: int64, (B, min(k, N)), rows of `ids`, `keys` and `tokens`, valid until the next deletion.
            similarities: float32, (B, min(k, N)), cosines in [-1, 1] up to rounding; 0 for a zero key or query.

        Raises:
            ValueError: the dimension is not the keys', a query is not finite, or k is negative.
            SpecError: the index is "approximate" and faiss is not installed.
        """
        scaled = unit(queries, "queries")
        if scaled.shape[1] != self.keys.shape[1]:
            raise ValueError(f"queries have dimension {scaled.shape[1]}, the memory's keys {self.keys.shape[1]}")
        if k < 0:
            raise ValueError(f"cannot find {k} neighbours")
        return self._search(scaled.to(self.keys.device), min(k, len(self)))

    @torch.no_grad()
    def neighbours(self, k: int, chunk: int = 1024) -> Tensor:
        """Find the rows (N, min(k, N-1)) of each entry's nearest other entries, `chunk` entries at a time.

        Another entry with the same key counts as a neighbour.
        """
        count = min(k, max(0, len(self) - 1))
        found = torch.empty(len(self), count, dtype=torch.int64, device=self.keys.device)
        for own in torch.arange(len(self), device=found.device).split(chunk) if count else ():
            rows, _ = self._search(self.keys[own], count + 1)
            # Among many with the same key, the entry itself may not have been found: then the last of them is dropped.
            others = (rows == own[:, None]).to(torch.int8).argsort(dim=1, stable=True)[:, :count]
            found[own] = rows.gather(1, others)
        return found

    def missing(self, ids: Tensor) -> Tensor:
        """Return those of `ids` (M,) that are not stored, in their order."""
        stored = torch.tensor([number in self._rows for number in ids.tolist()], dtype=torch.bool, device=ids.device)
        return ids[~stored]

    @torch.no_grad()
    def forget(self, ids: Tensor, optimizer: Optimizer | None = None) -> int:
        """Delete the entries of `ids` and return their number, in time that does not grow with N.

        The last rows move into the holes and the rows they leave are zeroed, in the tensors' own storage: existing
        views keep nothing of what was deleted. `tokens` stays the same Parameter and loses its gradient.

        Args:
            ids: int64, (M,); repeated ids count once, ids that are not stored are ignored.
            optimizer: the one that trains `tokens`; its state forgets the same rows.
        """
        rows = sorted(self._rows.pop(number) for number in set(ids.tolist()) if number in self._rows)
        if not rows:
            return 0
        left, gone = len(self) - len(rows), set(rows)
        holes = [row for row in rows if row < left]
        movers = [row for row in range(left, len(self)) if row not in gone]
        last = self.ids[left:].tolist()
        self._rows.update((last[row - left], hole) for row, hole in zip(movers, holes, strict=True))
        if self._built is not None:
            self._built.forget(rows, holes, movers)
        state = {} if optimizer is None else optimizer.state.get(self.tokens, {})
        for name, value in state.items():
            if isinstance(value, Tensor) and value.shape == self.tokens.shape:
                state[name] = _close_up(value, holes, movers, left)
        if self.tokens.grad is not None:
            _close_up(self.tokens.grad, holes, movers, left)
            self.tokens.grad = None
        self.tokens.data = _close_up(self.tokens.data, holes, movers, left)
        self.ids = _close_up(self.ids, holes, movers, left)
        self.keys = _close_up(self.keys, holes, movers, left)
        return len(rows)

    def rebuild(self) -> None:
        """Drop the approximate index; the next search builds one from the remaining keys."""
        self._built: approximate.ApproximateIndex | None = None

    def _search(self, queries: Tensor, k: int) -> tuple[Tensor, Tensor]:
        # Half-precision products would select wrong candidates.
        with torch.autocast(self.keys.device.type, enabled=False):
            if not self.approximate:
                return exact.search(self.keys, self.ids, queries, k)
            if self._built is None:
                self._built = approximate.ApproximateIndex(self.keys, self.ids)
            return self._built.search(self.keys, self.ids, queries, k)

    def _reset(self) -> None:
        """Derive from the tensors the state that is not saved."""
        self._rows = {number: row for row, number in enumerate(self.ids.tolist())}
        if len(self._rows) != len(self.ids):
            raise ValueError("a memory's ids must not repeat")
        self.rebuild()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in ("_rows", "_built")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._reset()

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *others: Any) -> None:
        """Adopt the number of entries that was saved; dimension and width must be this memory's."""
        problem = self._take_size(*(state_dict.get(prefix + name) for name in ("ids", "keys", "tokens")))
        if problem is not None:
            messages: list[str] = others[-1]  # torch's list of errors
            messages.append(f"memory '{prefix.removesuffix('.')}': {problem}" if prefix else problem)
            return
        super()._load_from_state_dict(state_dict, prefix, *others)
        self._reset()

    def _take_size(self, ids: Tensor | None, keys: Tensor | None, tokens: Tensor | None) -> str | None:
        """Resize to what was saved, or return why it does not fit; torch itself reports absent tensors."""
        if ids is None or keys is None or tokens is None:
            return None
        for what, saved, own in (("keys", keys, self.keys), ("tokens", tokens, self.tokens)):
            if saved.shape[1:] != own.shape[1:]:
                return f"saved {what} have dimension {saved.shape[-1]}, this memory's have {own.shape[-1]}"
        if not len(ids) == len(keys) == len(tokens):
            return f"saved with {len(ids)} ids, {len(keys)} keys and {len(tokens)} tokens"
        if len(torch.unique(ids)) != len(ids) or not torch.isfinite(keys).all():
            return "saved with repeated ids or keys that are not finite"
        if len(ids) != len(self):
            self.ids, self.keys = (old.new_empty(len(ids), *old.shape[1:]) for old in (self.ids, self.keys))
            self.tokens.grad = None
            self.tokens.data = self.tokens.data.new_empty(len(ids), self.tokens.shape[1])
        return None


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
        self.tokens.data = one_hot(labels.to(self.tokens.device), classes).to(self.tokens.dtype)

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


def _close_up(tensor: Tensor, holes: list[int], movers: list[int], left: int) -> Tensor:
    """Move the rows `movers` of `tensor` into `holes`, zero all beyond the first `left`, and return these."""
    to, source = (torch.tensor(rows, dtype=torch.int64, device=tensor.device) for rows in (holes, movers))
    tensor[to] = tensor[source]
    tensor[left:].zero_()
    return tensor[:left]
