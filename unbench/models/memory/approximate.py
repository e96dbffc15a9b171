"""Approximate search for large memories: inverted lists (faiss) of 8-bit keys, ranked again with the exact keys.

Why this library and layout: inverted lists can truly delete, in time that does not grow with N. The graphs of hnswlib,
faiss and usearch are as fast (recall@4 0.999 in 0.15 and 0.32 ms per query; usearch, 8-bit and not ranked again, 0.73
in 0.08 ms; D=768, N=50,000, one thread) but only mark deleted entries and keep their bytes. Of the lists of faiss,
whole floats take 0.34 ms and 3,072 bytes per entry, 8-bit codes 0.14 ms and 768 bytes (recall 1.0 each, N=100,000, four
lists), 1-bit codes 0.08 ms and about 100 bytes at a recall of 0.70. For N=1,000,000 see benchmarks/README.md.

Traces of a deleted key: the lists' centres are averages over all keys at the time the index was built, and the codes'
ranges are extremes over a sample of them. Neither is saved with a model; `Memory.rebuild` starts from what is left.
"""

import importlib.util
from collections import Counter
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from unbench.errors import SpecError
from unbench.models.memory import exact

_ENTRIES_PER_LIST = 256
_MAX_LISTS = 16384
_TRAINING_PER_LIST = 32
_TRAINING_RANGES = 16384
_CANDIDATES = 4
"""Candidates ranked again per neighbour wanted, because 8 bits misplace some by a few ranks."""
_MIN_CANDIDATES = 16
_MIN_PROBES = 4
_TARGET = 0.999
"""Recall on stored keys that determines how many lists a query searches."""
_TARGET_K = 8
_SAMPLE = 512
_SAME = 1e-6
"""Similarities that differ by less count as equal, so that duplicates do not count as misses."""
_CHUNK = 4096
_ROUNDS = 6
"""Rounds of k-means: more cost build time and gain no speed at the recall we want."""
_HASH_BYTES = 40
"""Size of an entry of faiss' table from slot to place: a node, its allocation and its share of the buckets."""


def available() -> bool:
    """Return True if faiss is installed."""
    return importlib.util.find_spec("faiss") is not None


class ApproximateIndex:
    """An index that finds nearly all nearest entries of a memory in a small part of it, and forgets entries in place.

    It holds an 8-bit copy of every key under a slot number, which stays when the memory moves the entry to another row.
    It is kept in main memory, whatever the device of the keys. Seeded: the same keys give the same index.

    Args:
        keys: float32, (N, D), N >= 1, of unit length or zero.
        ids: int64, (N,), all different.

    Raises:
        SpecError: faiss is not installed.
    """

    def __init__(self, keys: Tensor, ids: Tensor) -> None:
        try:
            faiss: Any = importlib.import_module("faiss")
        except ImportError as error:
            raise SpecError('approximate search needs faiss: pip install "unbench[ann]"') from error
        self._faiss = faiss
        lists = min(max(1, len(keys) // _ENTRIES_PER_LIST), _MAX_LISTS)
        dimension = keys.shape[1]
        self._index = faiss.IndexIVFScalarQuantizer(
            faiss.IndexFlatIP(dimension), dimension, lists, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
        )
        stored = keys.cpu()
        order = torch.randperm(len(stored), generator=torch.Generator().manual_seed(0))
        sample = stored[order[: _TRAINING_PER_LIST * lists]]
        self._centres = cluster(sample, lists)
        self._index.quantizer.add(self._centres.numpy())
        self._index.train(sample[:_TRAINING_RANGES].numpy())  # the codes' ranges; the lists have their centres
        numbers = assign(stored, self._centres).numpy()
        pointer = faiss.swig_ptr
        self._index.add_core(len(stored), pointer(stored.numpy()), None, pointer(numbers))
        self._index.set_direct_map_type(faiss.DirectMap.Hashtable)
        self._slot_of_row = np.arange(len(keys))
        self._row_of_slot = np.arange(len(keys))
        self._settle_probes(keys, ids)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def nbytes(self) -> int:
        """Bytes of codes, slots, centres and the table from slot to place, without the allocator's reserve."""
        per_entry = self._index.code_size + 8 + _HASH_BYTES
        slots = self._slot_of_row.nbytes + self._row_of_slot.nbytes
        return len(self) * per_entry + slots + 4 * self._index.nlist * self._index.d

    def search(self, keys: Tensor, ids: Tensor, queries: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """Find nearly the k nearest, in the order of `exact.search` and with its arguments and result.

        `keys` and `ids` are the memory's current ones: after a deletion, the shorter ones. Where the lists searched
        hold fewer than k entries, as after large deletions, the answer is exact.
        """
        if k == 0:
            return exact.search(keys, ids, queries, k)
        wanted = min(max(_CANDIDATES * k, _MIN_CANDIDATES), len(keys))
        asked = queries.cpu()
        near, lists = (asked @ self._centres.T).topk(self._index.nprobe, dim=1)
        slots = self._index.search_preassigned(asked.numpy(), wanted, lists.numpy(), near.numpy())[1]
        # faiss fills rows with -1 where it finds too few; `exact.best` gives those a similarity of -inf.
        candidates = np.where(slots < 0, -1, self._row_of_slot[slots])
        rows, values = exact.best(keys, ids, queries, torch.from_numpy(candidates).to(keys.device), k)
        short = values[:, -1].isneginf()
        if short.any():
            rows[short], values[short] = exact.search(keys, ids, queries[short], k)
        return rows, values

    def forget(self, rows: list[int], holes: list[int], movers: list[int]) -> None:
        """Delete the entries in `rows`, and record that those in `movers` are now in the rows `holes`.

        Args:
            rows: the deleted rows, all different.
            holes: those of them below the new number of entries.
            movers: as many rows at or above it that are not deleted.
        """
        faiss, lists = self._faiss, self._index.invlists
        slots = self._slot_of_row[rows]
        touched = Counter(faiss.lo_listno(self._index.direct_map.get(slot)) for slot in slots.tolist())
        self._index.remove_ids(faiss.IDSelectorArray(len(slots), faiss.swig_ptr(slots)))
        for number, removed in touched.items():
            # faiss closes a gap with the list's last code and only lowers the size: the bytes beyond it stay. Growing
            # again within the allocated space overwrites them with zeros.
            size = lists.list_size(number)
            lists.resize(number, size + removed)
            lists.resize(number, size)
        moved = self._slot_of_row[movers]
        self._slot_of_row[holes] = moved
        self._row_of_slot[moved] = holes
        self._slot_of_row = self._slot_of_row[: len(self)]

    def _settle_probes(self, keys: Tensor, ids: Tensor) -> None:
        """Choose how many lists to search: as many as finding the neighbours of a sample of stored keys takes."""
        sample = torch.randperm(len(keys), generator=torch.Generator().manual_seed(0))[:_SAMPLE]
        queries = keys[sample.to(keys.device)]
        k = min(1 + _TARGET_K, len(keys))  # the first is the stored key itself
        needed = exact.search(keys, ids, queries, k)[1][:, -1:] - _SAME
        self._index.nprobe = min(_MIN_PROBES, self._index.nlist)
        while self._index.nprobe < self._index.nlist:
            hits = (self.search(keys, ids, queries, k)[1] >= needed).sum(1) - 1
            if hits.sum().item() >= _TARGET * (k - 1) * len(queries):
                break
            self._index.nprobe = min(2 * self._index.nprobe, self._index.nlist)


def cluster(vectors: Tensor, count: int) -> Tensor:
    """Find centres (count, D) of unit length for unit vectors (N, D), N >= count, starting from the first `count`.

    Spherical k-means by torch's matrix product; that of faiss took five times as long on a recent processor.
    """
    centres = vectors[:count].clone()
    for _ in range(_ROUNDS):
        sums = torch.zeros_like(centres).index_add_(0, assign(vectors, centres), vectors)
        # A centre that is nearest to no vector, or whose vectors cancel out, stays.
        centres = torch.where(sums.any(dim=1, keepdim=True), normalize(sums, dim=1), centres)
    return centres


def assign(vectors: Tensor, centres: Tensor) -> Tensor:
    """Return the most similar centre (N,) int64 of each vector (N, D)."""
    return torch.cat([(part @ centres.T).argmax(dim=1) for part in vectors.split(_CHUNK)])
