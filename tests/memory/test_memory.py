"""The memory as a store: what it takes in, and that what is deleted is gone from everywhere."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import Tensor

from unbench.errors import SpecError
from unbench.models.memory import Memory

WIDTH = 4


def vectors(count: int, dimension: int = 8, seed: int = 0) -> Tensor:
    return torch.randn(count, dimension, generator=torch.Generator().manual_seed(seed))


def memory(count: int = 20, index: str = "exact") -> Memory:
    return Memory(torch.arange(count) * 7 + 3, vectors(count), WIDTH, index)


def whole_storage(tensor: Tensor) -> bytes:
    """Also what lies before and behind the part that `tensor` shows."""
    storage = tensor.detach().untyped_storage()
    return torch.empty(0, dtype=torch.uint8).set_(storage).numpy().tobytes()


def row_bytes(tensor: Tensor, rows: Iterable[int]) -> list[bytes]:
    return [tensor.detach()[row].numpy().tobytes() for row in rows]


def by_id(store: Memory) -> dict[int, tuple[bytes, bytes]]:
    rows = range(len(store))
    return dict(
        zip(
            store.ids.tolist(),
            zip(row_bytes(store.keys, rows), row_bytes(store.tokens, rows), strict=True),
            strict=True,
        )
    )


def trained(store: Memory) -> torch.optim.Optimizer:
    """An optimiser that holds two numbers for each of the tokens'."""
    optimizer = torch.optim.AdamW([store.tokens], lr=0.1)
    (store.tokens * torch.arange(1.0, store.tokens.numel() + 1).view_as(store.tokens)).square().sum().backward()
    optimizer.step()
    return optimizer


def test_keys_are_scaled_to_unit_length_and_zero_stays_zero() -> None:
    keys = torch.tensor([[3.0, 4.0], [0.0, 0.0], [1e-30, 0.0], [0.0, -3e38]])
    stored = Memory(torch.arange(4), keys, WIDTH)
    torch.testing.assert_close(stored.keys, torch.tensor([[0.6, 0.8], [0.0, 0.0], [1.0, 0.0], [0.0, -1.0]]))
    assert keys[0].tolist() == [3.0, 4.0], "the caller's tensor is not touched"
    assert Memory(torch.arange(4), keys.double(), WIDTH).keys.dtype == torch.float32


@pytest.mark.parametrize(
    ("ids", "keys", "message"),
    [
        (torch.tensor([1, 1]), torch.ones(2, 3), "must not repeat"),
        (torch.arange(3), torch.ones(2, 3), "2 keys for 3 ids"),
        (torch.arange(2), torch.tensor([[1.0], [torch.nan]]), "finite"),
        (torch.arange(2), torch.tensor([[1.0], [torch.inf]]), "finite"),
        (torch.arange(2), torch.tensor([[1.0], [1e300]], dtype=torch.float64), "finite"),
        (torch.arange(2), torch.ones(2), "shape"),
        (torch.arange(2.0), torch.ones(2, 3), "int64"),
    ],
)
def test_what_cannot_be_stored_is_refused_in_one_line(ids: Tensor, keys: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        Memory(ids, keys, WIDTH)
    assert "\n" not in str(caught.value)


def test_an_unknown_index_is_refused() -> None:
    with pytest.raises(SpecError, match="auto, exact, approximate"):
        memory(index="hnsw")


def test_tokens_are_the_only_parameter_and_start_small() -> None:
    stored = memory(5000)
    assert [name for name, _ in stored.named_parameters()] == ["tokens"]
    assert stored.tokens.std().item() == pytest.approx(0.02, rel=0.05)


def test_forgetting_counts_each_stored_id_once() -> None:
    stored = memory()
    before = by_id(stored)
    assert stored.forget(torch.tensor([3, 3, 24, 4, -1])) == 2
    assert by_id(stored) == {number: entry for number, entry in before.items() if number not in (3, 24)}
    assert stored.forget(torch.tensor([3])) == 0
    assert stored.forget(torch.tensor([], dtype=torch.int64)) == 0


@pytest.mark.parametrize(
    "rows", [[0], [19], [18, 19], [0, 19], [0, 1, 2, 3], list(range(1, 20)), list(range(0, 20, 3))]
)
def test_any_rows_can_go_and_the_others_keep_key_and_token(rows: list[int]) -> None:
    stored = memory()
    before, gone = by_id(stored), set(stored.ids[rows].tolist())
    assert stored.forget(stored.ids[rows]) == len(rows)
    assert by_id(stored) == {number: entry for number, entry in before.items() if number not in gone}
    assert not stored.missing(stored.ids).numel()


def test_everything_can_go() -> None:
    stored = memory()
    assert stored.forget(stored.ids) == 20
    assert len(stored) == 0
    assert [tuple(found.shape) for found in stored.nearest(vectors(3), 4)] == [(3, 0), (3, 0)]
    assert stored.neighbours(4).shape == (0, 0)
    assert stored.forget(torch.tensor([3])) == 0
    assert not any(whole_storage(tensor).strip(b"\0") for tensor in stored.state_dict().values())


def test_nothing_of_a_deleted_entry_is_left_in_any_storage() -> None:
    stored = memory()
    optimizer = trained(stored)
    (stored.tokens**2).sum().backward()
    state = optimizer.state[stored.tokens]
    held = [stored.keys, stored.tokens.data, stored.tokens.grad, state["exp_avg"], state["exp_avg_sq"], stored.keys[:5]]
    rows = [0, 4, 18, 19]
    gone = [entry for tensor in held[:5] for entry in row_bytes(tensor, rows)]
    gone += row_bytes(stored.ids[:, None], rows)
    stored.forget(stored.ids[rows], optimizer)
    now = [*stored.buffers(), stored.tokens.data, *(v for v in optimizer.state[stored.tokens].values()), *held]
    kept = b"".join(whole_storage(tensor) for tensor in now)
    assert not [entry for entry in gone if entry in kept]


def test_what_is_deleted_later_leaves_no_copy_where_it_was_moved_from() -> None:
    stored, held = memory(), []
    held.append(stored.keys)
    last, key = int(stored.ids[19]), row_bytes(stored.keys, [19])[0]
    stored.forget(stored.ids[:1])  # the last entry moves into the first row
    held.append(stored.keys)
    stored.forget(torch.tensor([last]))
    assert all(key not in whole_storage(tensor) for tensor in held)


def test_the_optimiser_goes_on_with_the_state_of_what_is_left() -> None:
    stored = memory()
    parameter, optimizer = stored.tokens, trained(stored)
    before = dict(zip(stored.ids.tolist(), optimizer.state[parameter]["exp_avg"].clone(), strict=True))
    stored.forget(stored.ids[[2, 5]], optimizer)
    assert stored.tokens is parameter
    assert parameter.grad is None
    for number, average in zip(stored.ids.tolist(), optimizer.state[parameter]["exp_avg"], strict=True):
        assert torch.equal(average, before[number])
    value = parameter.detach().clone()
    parameter.square().sum().backward()
    optimizer.step()
    assert not torch.equal(parameter, value)


def test_an_optimiser_of_something_else_is_left_alone() -> None:
    stored, other = memory(), torch.nn.Parameter(torch.ones(3))
    optimizer = torch.optim.SGD([other], lr=0.1, momentum=0.9)
    assert stored.forget(stored.ids[:1], optimizer) == 1
    assert not optimizer.state


def test_forgetting_in_inference_mode_leaves_a_memory_that_can_be_trained() -> None:
    stored = memory()
    with torch.inference_mode():
        stored.forget(stored.ids[:3])
    rows, _ = stored.nearest(vectors(2), 3)
    stored.tokens[rows].sum().backward()
    assert stored.tokens.grad is not None
    assert stored.tokens.grad.shape == (17, WIDTH)


def test_missing_returns_which_ids_are_not_stored() -> None:
    stored = memory()
    stored.forget(torch.tensor([10]))
    assert stored.missing(torch.tensor([10, 3, 5, 5])).tolist() == [10, 5, 5]
    assert stored.missing(stored.ids).shape == (0,)


def test_a_memory_saved_after_deletion_loads_into_a_fresh_one() -> None:
    stored, fresh = memory(), memory(50)
    stored.forget(stored.ids[[0, 7]])
    parameter = fresh.tokens
    parameter.sum().backward()
    fresh.load_state_dict(stored.state_dict())
    assert fresh.tokens is parameter
    assert by_id(fresh) == by_id(stored)
    assert all(map(torch.equal, fresh.nearest(vectors(5), 3), stored.nearest(vectors(5), 3)))
    assert fresh.forget(torch.tensor([3, 10])) == 1, "the ids are those that were loaded"
    fresh.tokens.sum().backward()


def test_loading_with_assignment_and_inside_another_module_works() -> None:
    stored, fresh = memory(), memory(3)
    stored.forget(torch.tensor([3]))
    torch.nn.Sequential(fresh).load_state_dict(copy.deepcopy(torch.nn.Sequential(stored).state_dict()), assign=True)
    assert by_id(fresh) == by_id(stored)
    assert not fresh.missing(stored.ids).numel()


def test_an_empty_memory_can_be_saved_and_loaded() -> None:
    stored, fresh = memory(), memory()
    stored.forget(stored.ids)
    fresh.load_state_dict(stored.state_dict())
    assert len(fresh) == 0


def test_loading_what_does_not_fit_names_both_sizes() -> None:
    with pytest.raises(RuntimeError, match="keys have dimension 8, this memory's have 5"):
        Memory(torch.arange(3), vectors(3, 5), WIDTH).load_state_dict(memory().state_dict())
    with pytest.raises(RuntimeError, match="tokens have dimension 4, this memory's have 6"):
        Memory(torch.arange(3), vectors(3), 6).load_state_dict(memory().state_dict())
    with pytest.raises(RuntimeError, match="Missing key"):
        memory().load_state_dict({"ids": torch.arange(3)})


@pytest.mark.parametrize("change", ["repeated", "nan", "short"])
def test_a_damaged_state_is_refused_and_nothing_is_taken_over(change: str) -> None:
    stored = memory()
    before, state = by_id(stored), copy.deepcopy(stored.state_dict())
    if change == "short":
        state["ids"] = state["ids"][:-1]
    else:
        state["ids" if change == "repeated" else "keys"][0] = state["ids"][1] if change == "repeated" else torch.nan
    with pytest.raises(RuntimeError, match="saved with"):
        stored.load_state_dict(state)
    assert by_id(stored) == before


@pytest.mark.parametrize("how", ["torch", "module", "safetensors", "pickle"])
def test_no_file_holds_a_byte_of_a_deleted_entry(how: str, tmp_path: Path) -> None:
    stored = memory()
    stored.nearest(vectors(1), 1)
    gone = row_bytes(stored.keys, [0, 19]) + row_bytes(stored.tokens, [0, 19])
    kept = row_bytes(stored.keys, [1])[0]
    stored.forget(stored.ids[[0, 19]])
    file = tmp_path / "saved"
    if how == "safetensors":
        safetensors.torch.save_file(stored.state_dict(), file)
        assert len(safetensors.torch.load_file(file)["keys"]) == 18
    elif how == "pickle":
        file.write_bytes(pickle.dumps(stored))
    else:
        torch.save(stored.state_dict() if how == "torch" else stored, file)
    saved = file.read_bytes()
    assert kept in saved
    assert not [entry for entry in gone if entry in saved]


def test_the_state_holds_live_rows_alone_and_no_index() -> None:
    stored = memory()
    stored.forget(stored.ids[:6])
    assert {name: len(tensor) for name, tensor in stored.state_dict().items()} == {"ids": 14, "keys": 14, "tokens": 14}


@pytest.mark.parametrize("deleted", [0, 3])
def test_a_deep_copy_is_equal_and_independent(deleted: int) -> None:
    stored = memory()
    stored.forget(stored.ids[:deleted])
    other = copy.deepcopy(stored)
    assert by_id(other) == by_id(stored)
    other.forget(other.ids[:2])
    assert (len(stored), len(other)) == (20 - deleted, 18 - deleted)
    assert torch.isfinite(stored.keys).all()
    assert stored.keys.norm(dim=1).min() > 0.99


def test_a_module_that_was_saved_whole_works_when_loaded() -> None:
    stored, file = memory(), io.BytesIO()
    stored.forget(stored.ids[:2])
    torch.save(stored, file)
    file.seek(0)
    loaded = torch.load(file, weights_only=False)
    assert by_id(loaded) == by_id(stored)
    assert loaded.forget(loaded.ids[:2]) == 2


def test_bytes_per_entry_are_those_of_the_tensors() -> None:
    stored = memory()
    assert stored.bytes_per_entry == 8 + 8 * 4 + WIDTH * 4
    stored.forget(stored.ids)
    assert stored.bytes_per_entry == 8 + 8 * 4 + WIDTH * 4


def test_it_moves_between_devices_and_back() -> None:
    stored = memory()
    stored.forget(stored.ids[:2])
    expected = by_id(stored)
    assert by_id(stored.to("cpu")) == expected
    if torch.cuda.is_available():
        stored.to("cuda")
        rows, values = stored.nearest(vectors(4), 3)
        assert rows.device.type == values.device.type == "cuda"
        assert stored.forget(stored.ids[:1]) == 1
        assert len(by_id(stored.cpu())) == 17


def test_ids_can_be_any_int64() -> None:
    numbers = np.iinfo(np.int64)
    stored = Memory(torch.tensor([numbers.min, -1, numbers.max]), vectors(3), WIDTH)
    assert stored.forget(torch.tensor([-1])) == 1
    assert sorted(stored.ids.tolist()) == [numbers.min, numbers.max]
