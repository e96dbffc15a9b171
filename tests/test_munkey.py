"""MUNKEY's memory, model and deletion."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from unbench import registry
from unbench.batches import Batch, normalise
from unbench.data import Dataset, load_dataset
from unbench.methods.base import Access, Context
from unbench.methods.munkey import Munkey, Pathways
from unbench.models.memory import Memory
from unbench.models.munkey import MemoryTransformer, pixel_keys
from unbench.progress import Progress


def memory() -> Memory:
    """Five entries at 0, 10, 20, 30 and 90 degrees."""
    angles = torch.deg2rad(torch.tensor([0.0, 10.0, 20.0, 30.0, 90.0]))
    return Memory(torch.tensor([7, 3, 9, 1, 5]), 2 * torch.stack([angles.cos(), angles.sin()], dim=1), width=4)


@pytest.fixture(scope="module")
def data() -> Dataset:
    card = registry.dataset("synthetic")
    return load_dataset(card, card.presets["smoke"])


@pytest.fixture
def method(data: Dataset) -> Munkey:
    card = registry.method("munkey")
    preset = registry.dataset("synthetic").presets["smoke"]
    return Munkey(
        Context(card, card.resolve_hparams({}), preset, 1, len(data.classes), 0, torch.device("cpu"), Progress())
    )


@pytest.fixture
def model(method: Munkey, data: Dataset) -> MemoryTransformer:
    return method.train(data.train, seed=0)


def test_nearest_is_by_angle_and_at_most_what_there_is() -> None:
    near = memory().nearest(torch.tensor([[1.0, 0.2], [0.0, 3.0]]), k=2)
    assert near.tolist() == [[1, 2], [4, 3]]  # 11.3 degrees, and 90
    assert memory().nearest(torch.ones(1, 2), k=99).shape == (1, 5)


def test_neighbours_leave_the_entry_itself_out() -> None:
    table = memory().neighbours(2, chunk=2)
    assert table.tolist()[0] == [1, 2]
    assert all(row not in table[row].tolist() for row in range(5))


def test_after_deletion_neighbours_are_found_afresh_as_if_never_stored() -> None:
    stored, never = memory(), memory()
    assert stored.forget(torch.tensor([3, 9, 12345])) == 2
    keep = torch.tensor([0, 3, 4])
    assert stored.ids.tolist() == [7, 1, 5]
    torch.testing.assert_close(stored.keys, never.keys[keep], rtol=0, atol=0)
    torch.testing.assert_close(stored.tokens, never.tokens.new_tensor(stored.tokens.tolist()), rtol=0, atol=0)
    assert stored.nearest(torch.tensor([[1.0, 0.2]]), k=2).tolist() == [[0, 1]]
    assert stored.forget(torch.tensor([3])) == 0, "deleting twice changes nothing"
    assert stored.forget(torch.tensor([7, 1, 5])) == 3
    assert len(stored) == 0


def test_a_view_that_was_held_before_deletion_holds_nothing_after_it() -> None:
    stored = memory()
    held = stored.tokens.data, stored.keys, stored.ids
    stored.forget(torch.tensor([3]))
    assert all(not tensor.any() for tensor in held)


def test_keys_must_be_finite_and_ids_unique() -> None:
    with pytest.raises(ValueError, match="finite"):
        Memory(torch.arange(2), torch.tensor([[1.0], [torch.nan]]), 4)
    with pytest.raises(ValueError, match="once"):
        Memory(torch.tensor([1, 1]), torch.ones(2, 3), 4)


def test_pixel_keys_ignore_brightness_and_pool_large_images() -> None:
    image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    assert pixel_keys(image).shape == (1, 3 * 16 * 16)
    torch.testing.assert_close(pixel_keys(image), pixel_keys(image + 0.3), rtol=0, atol=1e-5)


def test_outputs_are_probabilities_averaged_over_the_neighbours(model: MemoryTransformer, data: Dataset) -> None:
    images = normalise(torch.from_numpy(data.test.pixels[:6].copy()))
    with torch.inference_mode():
        out = model(images)
        rows = model.memory.nearest(pixel_keys(images), 4)
        patches = model.backbone.tokenise(images)
        each = torch.stack([model.read(patches, model.memory.tokens[rows[:, k]]).softmax(1) for k in range(4)])
    torch.testing.assert_close(out.exp(), each.mean(0))
    torch.testing.assert_close(out.exp().sum(1), torch.ones(6))


def test_a_training_image_finds_its_own_entry_first(model: MemoryTransformer, data: Dataset) -> None:
    rows = model.memory.nearest(pixel_keys(normalise(torch.from_numpy(data.train.pixels[:20].copy()))), 1)
    np.testing.assert_array_equal(model.memory.ids[rows[:, 0]], data.train.ids[:20])


def test_unlearn_needs_ids_alone_and_changes_no_weight(method: Munkey, model: MemoryTransformer, data: Dataset) -> None:
    before = {name: p.clone() for name, p in model.named_parameters() if not name.startswith("memory.")}
    access = Access(method.context.card, data.train.ids[:10], data.train.take(np.arange(10)), data.train)
    method.unlearn(model, access)
    assert not set(data.train.ids[:10]) & set(model.memory.ids.tolist())
    assert len(model.memory) == len(data.train) - 10
    after = dict(model.named_parameters())
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())


def test_no_byte_of_a_deleted_entry_is_left_in_the_model(
    method: Munkey, model: MemoryTransformer, data: Dataset
) -> None:
    key, token = model.memory.keys[3].clone().numpy(), model.memory.tokens.data[3].clone().numpy()
    access = Access(method.context.card, data.train.ids[3:4], data.train.take(np.array([3])), data.train)
    method.unlearn(model, access)
    state = b"".join(tensor.numpy().tobytes() for tensor in model.state_dict().values())
    assert key.tobytes() not in state
    assert token.tobytes() not in state


def test_with_everything_deleted_it_still_answers(model: MemoryTransformer, data: Dataset) -> None:
    model.memory.forget(model.memory.ids)
    with torch.inference_mode():
        out = model(normalise(torch.from_numpy(data.test.pixels[:4].copy())))
    assert torch.isfinite(out).all()
    torch.testing.assert_close(out.exp().sum(1), torch.ones(4))


@pytest.mark.parametrize(("own", "expected"), [(1.0, 1.0), (0.0, 0.0), (0.8, 0.8)])
def test_the_own_token_is_shown_as_often_as_asked(model: MemoryTransformer, own: float, expected: float) -> None:
    pathways = Pathways(model, seed=0, own=own, null=0.0, drop_image=0.0)
    rows = torch.arange(len(model.memory)).repeat(20)
    entries = pathways._entries(rows, torch.rand(len(rows), generator=pathways.generator))
    assert (entries == rows).float().mean().item() == pytest.approx(expected, abs=0.03)


def test_a_dropped_image_leaves_no_trace_in_the_loss(model: MemoryTransformer, data: Dataset) -> None:
    pathways = Pathways(model, seed=0, own=1.0, null=0.0, drop_image=1.0)
    rows = torch.arange(8)
    labels = torch.from_numpy(data.train.labels[:8])
    images = [torch.zeros(8, 1, 8, 8), torch.ones(8, 1, 8, 8)]
    losses = [pathways.loss(Batch(rows, image, labels)).item() for image in images]
    assert losses[0] == losses[1]
