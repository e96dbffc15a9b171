"""Search, exact and approximate: right, in a definite order, and after any deletion as if never stored."""

from __future__ import annotations

import pickle
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import cosine_similarity, normalize

from unbench.errors import SpecError
from unbench.models.memory import Memory, approximate, exact
from unbench.models.memory import memory as memory_module

needs_faiss = pytest.mark.skipif(not approximate.available(), reason='needs faiss: pip install "unbench[ann]"')
BOTH = pytest.mark.parametrize("index", ["exact", pytest.param("approximate", marks=needs_faiss)])


def clustered(count: int, dimension: int = 32, seed: int = 0) -> Tensor:
    """Vectors around centres that are the same for every seed."""
    centres = torch.randn(10, dimension, generator=torch.Generator().manual_seed(99))
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.randint(0, len(centres), (count,), generator=generator)
    return centres[chosen] + 0.7 * torch.randn(count, dimension, generator=generator)


def store(keys: Tensor, index: str, ids: Tensor | None = None) -> Memory:
    return Memory(torch.arange(len(keys)) * 3 + 5 if ids is None else ids, keys, 2, index)


def recall(found: Tensor, expected: Tensor) -> float:
    return (found[:, :, None] == expected[:, None, :]).any(1).double().mean().item()


def fresh(old: Memory, keys_by_id: dict[int, Tensor]) -> Memory:
    """A memory that never held what `old` has deleted, in another order of rows."""
    ids = sorted(old.ids.tolist())
    keys = torch.stack([keys_by_id[number] for number in ids]) if ids else torch.empty(0, old.keys.shape[1])
    return Memory(torch.tensor(ids, dtype=torch.int64), keys, 2, old.index)


@BOTH
def test_nearest_is_by_angle_and_at_most_what_there_is(index: str) -> None:
    angles = torch.deg2rad(torch.tensor([0.0, 10.0, 20.0, 30.0, 90.0]))
    stored = store(2 * torch.stack([angles.cos(), angles.sin()], dim=1), index)
    rows, values = stored.nearest(torch.tensor([[1.0, 0.2], [0.0, 3.0]]), k=2)
    assert rows.tolist() == [[1, 2], [4, 3]]  # 11.3 degrees, and 90
    torch.testing.assert_close(values[1], torch.tensor([1.0, 0.5]))
    assert [found.shape for found in stored.nearest(torch.ones(1, 2), k=99)] == [(1, 5), (1, 5)]
    assert [found.shape for found in stored.nearest(torch.ones(0, 2), k=3)] == [(0, 3), (0, 3)]
    assert [found.shape for found in stored.nearest(torch.ones(2, 2), k=0)] == [(2, 0), (2, 0)]
    assert (rows.dtype, values.dtype) == (torch.int64, torch.float32)


def test_exact_search_agrees_with_every_cosine_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exact, "_PRODUCT", 3000)  # several chunks
    keys, queries = clustered(500), 5 * clustered(40, seed=1)
    rows, values = store(keys, "exact").nearest(queries, 7)
    cosines = cosine_similarity(queries[:, None].double(), keys[None].double(), dim=2)
    assert torch.equal(rows, cosines.topk(7).indices)
    torch.testing.assert_close(values.double(), cosines.topk(7).values, rtol=0, atol=3e-7)


@BOTH
def test_queries_must_be_finite_and_of_the_keys_dimension(index: str) -> None:
    stored = store(clustered(50), index)
    with pytest.raises(ValueError, match="dimension 7, the memory's keys 32"):
        stored.nearest(torch.ones(1, 7), 2)
    with pytest.raises(ValueError, match="queries must be finite"):
        stored.nearest(torch.full((1, 32), torch.nan), 2)
    with pytest.raises(ValueError, match="-1 neighbours"):
        stored.nearest(torch.ones(1, 32), -1)
    with pytest.raises(ValueError, match="shape"):
        stored.nearest(torch.ones(32), 1)


@BOTH
def test_duplicates_are_all_found_and_the_smaller_ids_come_first(index: str) -> None:
    keys = clustered(60)
    keys[[4, 9, 30, 41, 59]] = keys[17].clone()
    ids = torch.arange(60).flip(0)
    rows, values = store(keys, index, ids).nearest(keys[17:18], 8)
    assert rows[0, :6].tolist() == [59, 41, 30, 17, 9, 4]
    assert len(values[0, :6].unique()) == 1
    assert values[0, 6] < values[0, 5]


@pytest.mark.parametrize("k", [1, 3])
def test_ties_at_the_last_place_go_to_the_smaller_ids(k: int) -> None:
    keys = clustered(2000)[torch.arange(2000) % 100]  # every key twenty times, all over the table
    ids = torch.randperm(2000, generator=torch.Generator().manual_seed(3))
    rows, _ = store(keys, "exact", ids).nearest(keys[:100], k)
    expected = ids.view(20, 100).sort(dim=0).values[:k].T
    assert torch.equal(ids[rows], expected)


@BOTH
def test_a_blank_query_and_blank_keys_have_similarity_zero(index: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exact, "_TIES", 10)
    keys = clustered(300)
    keys[::2] = 0
    stored = store(keys, index)
    rows, values = stored.nearest(torch.zeros(1, 32), 3)
    assert values.tolist() == [[0, 0, 0]]
    if index == "exact":
        assert rows.tolist() == [[0, 1, 2]]
    assert torch.isfinite(stored.nearest(keys, 3)[1]).all()


@BOTH
def test_neighbours_leave_the_entry_out_but_not_its_duplicates(index: str) -> None:
    keys = clustered(300)
    keys[200] = keys[20]
    stored = store(keys, index)
    table = stored.neighbours(4, chunk=64)
    assert table.shape == (300, 4)
    assert not (table == torch.arange(300)[:, None]).any()
    assert table[20, 0] == 200
    assert table[200, 0] == 20
    cosines = normalize(keys) @ normalize(keys).T
    assert recall(table, cosines.fill_diagonal_(-2).topk(4).indices) > 0.99


@BOTH
def test_neighbours_of_few_entries_are_those_there_are(index: str) -> None:
    assert store(clustered(1), index).neighbours(4).shape == (1, 0)
    assert store(clustered(2), index).neighbours(4).tolist() == [[1], [0]]
    assert store(torch.ones(30, 4), index).neighbours(2, chunk=7).shape == (30, 2)


@BOTH
def test_search_takes_no_gradient_and_ignores_autocast(index: str) -> None:
    stored, queries = store(clustered(400), index), clustered(20, seed=1).requires_grad_()
    rows, values = stored.nearest(queries, 4)
    assert not values.requires_grad
    stored.tokens[rows].sum().backward()
    assert stored.tokens.grad is not None
    assert queries.grad is None
    with torch.autocast("cpu", dtype=torch.bfloat16), torch.inference_mode():
        again = store(clustered(400), index).nearest(queries, 4)
    assert torch.equal(again[0], rows)
    assert torch.equal(again[1], values)


@BOTH
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_after_any_deletions_it_answers_as_if_they_had_never_been_stored(index: str, data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 40))
    # Few different keys, so that ties and duplicates abound.
    keys = clustered(12, 6)[torch.tensor(data.draw(st.lists(st.integers(0, 11), min_size=count, max_size=count)))]
    ids = torch.tensor(data.draw(st.permutations(range(count))))
    stored = store(keys, index, ids)
    keys_by_id = dict(zip(ids.tolist(), keys, strict=True))
    queries = clustered(5, 6, seed=2)
    stored.nearest(queries, 3)
    for deleted in data.draw(st.lists(st.lists(st.integers(-2, count + 2)), max_size=4)):
        left = set(stored.ids.tolist())
        assert stored.forget(torch.tensor(deleted, dtype=torch.int64)) == len(left & set(deleted))
        other = fresh(stored, keys_by_id)
        # With as many candidates as entries, also the approximate index decides ties by the ids alone.
        rows, values = stored.nearest(queries, 16)
        its_rows, its_values = other.nearest(queries, 16)
        assert torch.equal(stored.ids[rows], other.ids[its_rows])
        assert torch.equal(values, its_values)


def test_auto_is_exact_for_small_memories_and_where_the_library_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    def built(auto_from: int) -> bool:
        monkeypatch.setattr(memory_module, "AUTO", auto_from)
        stored = store(clustered(200), "auto")
        stored.nearest(torch.ones(1, 32), 1)
        return stored._built is not None

    assert not built(201)
    if approximate.available():
        assert built(200)
    monkeypatch.setattr(approximate, "available", lambda: False)
    assert not built(200)


def test_asking_for_the_absent_library_explains_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(SpecError, match=r'pip install "unbench\[ann\]"'):
        store(clustered(20), "approximate").nearest(torch.ones(1, 32), 1)


@needs_faiss
class TestApproximate:
    """What only the approximate index can get wrong."""

    def searched(self, count: int = 6000) -> Memory:
        stored = store(clustered(count), "approximate")
        stored.nearest(torch.ones(1, 32), 1)
        return stored

    def codes(self, stored: Memory) -> list[np.ndarray]:
        """The codes (entries, bytes) of each inverted list, as a view of its memory."""
        faiss = pytest.importorskip("faiss")
        assert stored._built is not None
        lists = stored._built._index.invlists
        sizes = [lists.list_size(number) for number in range(lists.nlist)]
        return [
            faiss.rev_swig_ptr(lists.get_codes(number), size * lists.code_size).reshape(size, lists.code_size)
            for number, size in enumerate(sizes)
        ]

    def test_recall_is_high_in_several_lists(self) -> None:
        stored, queries = self.searched(), clustered(300, seed=5)
        assert stored._built is not None
        assert stored._built._index.nlist > stored._built._index.nprobe > 0
        assert recall(stored.nearest(queries, 4)[0], store(clustered(6000), "exact").nearest(queries, 4)[0]) >= 0.99

    def test_the_same_keys_give_the_same_answers(self) -> None:
        queries = clustered(50, seed=5)
        first, second = (self.searched().nearest(queries, 4) for _ in range(2))
        assert torch.equal(first[0], second[0])
        assert torch.equal(first[1], second[1])

    def test_after_deletions_deleted_ones_are_never_found_and_moved_ones_are(self) -> None:
        stored, generator = self.searched(), torch.Generator().manual_seed(1)
        queries, gone = clustered(200, seed=6), set()
        for _ in range(4):
            chosen = stored.ids[torch.randperm(len(stored), generator=generator)[:1000]]
            gone |= set(chosen.tolist())
            assert stored.forget(chosen) == 1000
            rows, values = stored.nearest(queries, 4)
            assert not gone & set(stored.ids[rows].flatten().tolist())
            stored.index = "exact"
            expected, its = stored.nearest(queries, 4)
            stored.index = "approximate"
            assert recall(rows, expected) >= 0.99
            assert (values - its).abs().median() == 0
        own, values = stored.nearest(stored.keys, 1)
        assert (own[:, 0] == torch.arange(2000)).float().mean() > 0.99

    def test_it_answers_in_full_when_the_lists_looked_into_are_empty(self) -> None:
        stored = self.searched()
        stored.forget(stored.ids[torch.randperm(6000)[:5990]])
        rows, values = stored.nearest(clustered(20, seed=6), 10)
        assert torch.equal(rows.sort(dim=1).values, torch.arange(10).expand(20, 10))
        assert torch.isfinite(values).all()

    def test_deleting_everything_empties_the_index(self) -> None:
        stored = self.searched(300)
        stored.forget(stored.ids)
        assert stored.nearest(torch.ones(2, 32), 4)[0].shape == (2, 0)

    def test_no_code_of_a_deleted_key_stays_in_the_lists_or_behind_their_ends(self) -> None:
        faiss = pytest.importorskip("faiss")
        stored = self.searched(3000)
        assert stored._built is not None
        full = self.codes(stored)
        index, lists = stored._built._index, stored._built._index.invlists
        generator, gone = torch.Generator().manual_seed(2), set()
        for _ in range(3):  # later rounds delete what earlier ones moved
            rows = torch.randperm(len(stored), generator=generator)[:700]
            places = [index.direct_map.get(int(slot)) for slot in stored._built._slot_of_row[rows]]
            now = self.codes(stored)
            gone |= {now[faiss.lo_listno(place)][faiss.lo_offset(place)].tobytes() for place in places}
            stored.forget(stored.ids[rows])
        kept = {code.tobytes() for part in self.codes(stored) for code in part}
        assert len(kept) == 900
        assert not gone & kept
        for number, before in enumerate(full):
            size = lists.list_size(number)
            whole = faiss.rev_swig_ptr(lists.get_codes(number), before.size).reshape(before.shape)
            assert not whole[size:].any()

    def test_neither_the_state_nor_a_copy_nor_a_pickle_holds_the_index(self) -> None:
        stored = self.searched(300)
        assert set(stored.state_dict()) == {"ids", "keys", "tokens"}
        code = self.codes(stored)[0][0].tobytes()
        data = pickle.dumps(stored)
        assert code not in data
        assert torch.equal(pickle.loads(data).nearest(torch.ones(1, 32), 3)[0], stored.nearest(torch.ones(1, 32), 3)[0])

    def test_loading_replaces_what_is_found(self) -> None:
        stored, other = self.searched(300), store(clustered(400, seed=8), "approximate")
        stored.load_state_dict(other.state_dict())
        queries = clustered(30, seed=9)
        assert torch.equal(stored.nearest(queries, 3)[0], other.nearest(queries, 3)[0])

    def test_rebuilding_starts_from_what_is_left(self) -> None:
        stored, queries = self.searched(2000), clustered(50, seed=6)
        stored.forget(stored.ids[:1500])
        stored.rebuild()
        other = Memory(stored.ids, clustered(2000)[(stored.ids - 5) // 3], 2, "approximate")
        assert all(map(torch.equal, stored.nearest(queries, 4), other.nearest(queries, 4)))

    def test_its_bytes_count_once_it_is_built(self) -> None:
        stored = store(clustered(1000), "approximate")
        without = stored.bytes_per_entry
        stored.nearest(torch.ones(1, 32), 1)
        assert stored.bytes_per_entry > without + 32 + 8
