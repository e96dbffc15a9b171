"""MUNKEY's model, its training and its deletion. The memory itself: tests/memory/."""

from __future__ import annotations

import gc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from unbench.config import registry
from unbench.data import Dataset, load_dataset
from unbench.data.batches import Batch, Batches, normalise
from unbench.data.encoders.cache import FeatureCache
from unbench.experiment.inputs import Inputs, make_method, prepare
from unbench.experiment.spec import RunSpec
from unbench.methods.base import Access
from unbench.methods.munkey import Munkey, Pathways
from unbench.models.munkey import MemoryTransformer, Pathway
from unbench.progress import Progress

CPU = torch.device("cpu")


def spec(**hparams: object) -> RunSpec:
    inside = ",".join(f"{name}={value}" for name, value in hparams.items())
    return RunSpec.parse(f"munkey[{inside}]", "synthetic", preset="smoke")


@pytest.fixture(scope="module")
def inputs() -> Inputs:
    card = registry.dataset("synthetic")
    return prepare(load_dataset(card, card.presets["smoke"]), spec(), CPU, Progress())


@pytest.fixture(scope="module")
def data(inputs: Inputs) -> Dataset:
    return inputs.data


def make(inputs: Inputs, **hparams: object) -> Munkey:
    method = make_method(spec(**hparams), inputs, CPU, Progress())
    assert isinstance(method, Munkey)
    return method


@pytest.fixture
def features(inputs: Inputs, tmp_path: Path) -> FeatureCache:
    return FeatureCache(inputs.data, tmp_path / "features")


@pytest.fixture
def method(inputs: Inputs, features: FeatureCache) -> Munkey:
    return make(replace(inputs, features=features))


@pytest.fixture
def model(method: Munkey, data: Dataset) -> MemoryTransformer:
    return method.train(data.train, seed=0)


def first(data: Dataset, count: int) -> Batch:
    return next(iter(Batches(data.test, count, CPU)))


def access(method: Munkey, data: Dataset, rows: list[int]) -> Access:
    gone = data.train.take(np.array(rows))
    return Access(method.context.card, gone.ids, gone, data.train, data.val)


def test_ensemble_averages_the_probabilities_of_one_pass_per_neighbour(model: MemoryTransformer, data: Dataset) -> None:
    batch = first(data, 6)
    with torch.inference_mode():
        out = model(*batch.inputs)
        rows, _ = model.memory.nearest(batch.keys, 4)
        patches = model.backbone.tokenise(batch.images)
        each = torch.stack([model.read(patches, model.memory.tokens[rows[:, k]]).softmax(1) for k in range(4)])
    torch.testing.assert_close(out.exp(), each.mean(0))
    torch.testing.assert_close(out.exp().sum(1), torch.ones(6))


@pytest.mark.parametrize(
    ("aggregation", "weights"),
    [("softmax", torch.tensor([0.9, 0.5, 0.1]).div(0.1).softmax(0)), ("rank", torch.tensor([6.0, 3.0, 2.0]) / 11)],
)
def test_merging_weights_by_similarity_or_by_rank(
    model: MemoryTransformer, aggregation: str, weights: torch.Tensor
) -> None:
    model.aggregation = aggregation  # type: ignore[assignment]
    rows = torch.tensor([[5, 1, 7]])
    merged = model.merge(rows, torch.tensor([[0.9, 0.5, 0.1]]))
    torch.testing.assert_close(merged[0], (weights[:, None] * model.memory.tokens[rows[0]]).sum(0))


@pytest.mark.parametrize("aggregation", ["ensemble", "softmax", "rank"])
def test_with_one_neighbour_every_aggregation_answers_alike(
    model: MemoryTransformer, data: Dataset, aggregation: str
) -> None:
    batch = first(data, 5)
    with torch.inference_mode():
        model.neighbours = 1
        expected = model(*batch.inputs)
        model.aggregation = aggregation  # type: ignore[assignment]
        torch.testing.assert_close(model(*batch.inputs), expected)


@pytest.mark.parametrize("aggregation", ["softmax", "rank"])
def test_trains_with_merged_neighbours(inputs: Inputs, aggregation: str) -> None:
    trained = make(inputs, aggregation=aggregation, own=0.5).train(inputs.data.train, seed=0)
    assert trained.memory.tokens.abs().max() > 0.1, "tokens have moved from where they started"


def test_pathways_alone_are_blind_to_the_other(model: MemoryTransformer, data: Dataset) -> None:
    one, other = first(data, 4), next(iter(Batches(data.train, 4, CPU)))
    image, memory = Pathway(model, "image"), Pathway(model, "memory")
    assert one.keys is not None
    assert other.keys is not None
    with torch.inference_mode():
        torch.testing.assert_close(image(one.images, one.keys), image(one.images, other.keys))
        torch.testing.assert_close(memory(one.images, one.keys), memory(other.images, one.keys))
        assert not torch.equal(memory(one.images, one.keys), memory(one.images, other.keys))


def test_deletion_changes_no_prediction_of_the_image_pathway(
    method: Munkey, model: MemoryTransformer, data: Dataset
) -> None:
    batch = first(data, 8)
    with torch.inference_mode():
        before = model.image_pathway(batch.images)
        method.unlearn(model, access(method, data, list(range(40))))
        assert torch.equal(model.image_pathway(batch.images), before)


def test_a_training_image_finds_its_own_entry_first(model: MemoryTransformer, data: Dataset) -> None:
    assert data.train.keys is not None
    rows, _ = model.memory.nearest(torch.from_numpy(data.train.keys[:20]), 1)
    np.testing.assert_array_equal(model.memory.ids[rows[:, 0]], data.train.ids[:20])


def test_unlearn_needs_ids_alone_and_changes_no_weight(method: Munkey, model: MemoryTransformer, data: Dataset) -> None:
    before = {name: p.clone() for name, p in model.named_parameters() if not name.startswith("memory.")}
    method.unlearn(model, access(method, data, list(range(10))))
    assert not set(data.train.ids[:10]) & set(model.memory.ids.tolist())
    assert len(model.memory) == len(data.train) - 10
    after = dict(model.named_parameters())
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())


def test_after_deletion_it_answers_as_if_the_entries_had_never_been_stored(
    method: Munkey, model: MemoryTransformer, data: Dataset
) -> None:
    batch = first(data, 20)
    never = method.build(0)
    state = model.state_dict()
    kept = slice(30, None)
    parts = {f"memory.{name}": state[f"memory.{name}"][kept].clone() for name in ("ids", "keys", "tokens")}
    never.load_state_dict({**state, **parts})
    method.unlearn(model, access(method, data, list(range(30))))
    with torch.inference_mode():
        torch.testing.assert_close(model(*batch.inputs), never.eval()(*batch.inputs))


def test_no_byte_of_a_deleted_entry_is_left_anywhere(
    method: Munkey, features: FeatureCache, data: Dataset, tmp_path: Path
) -> None:
    # The search below must not find the harness's own copy of the keys, so the model is trained on a copy of it.
    keys = prepare(features.data, spec(), CPU, Progress()).data.train.keys
    assert keys is not None
    model = method.train(replace(data.train, keys=keys.copy()), seed=0)
    from unbench.data import encoders

    features.keys(encoders.load("pixels", CPU), "train")
    stored = b"".join(path.read_bytes() for path in features.folder.glob("*"))
    cached_key = keys[3].tobytes()
    assert cached_key in stored, "else the search proves nothing"
    gone = [model.memory.keys[3].numpy().tobytes(), model.memory.tokens.data[3].numpy().tobytes()]
    del keys
    assert all(_held(row) for row in gone), "else the search proves nothing"

    method.unlearn(model, access(method, data, [3]))

    assert not any(_held(row) for row in gone)
    stored = b"".join(path.read_bytes() for path in features.folder.glob("*"))
    assert cached_key not in stored
    torch.save(model.state_dict(), tmp_path / "model.pt")
    saved = (tmp_path / "model.pt").read_bytes()
    assert not any(row in saved for row in gone)


def _held(row: bytes) -> bool:
    """Whether any tensor of this process, the optimiser's included, holds these bytes in its storage."""
    gc.collect()
    tensors = [thing for thing in gc.get_objects() if issubclass(type(thing), torch.Tensor)]
    storages = {t.untyped_storage().data_ptr(): t.untyped_storage() for t in tensors if t.device.type == "cpu"}
    return any(row in bytes(memoryview(_bytes_of(storage))) for storage in storages.values() if storage.nbytes())


def _bytes_of(storage: torch.UntypedStorage) -> np.ndarray:
    return torch.empty(0, dtype=torch.uint8).set_(storage).numpy()


def test_with_everything_deleted_it_still_answers(method: Munkey, model: MemoryTransformer, data: Dataset) -> None:
    method.unlearn(model, access(method, data, list(range(len(data.train)))))
    batch = first(data, 4)
    with torch.inference_mode():
        torch.testing.assert_close(model(*batch.inputs), model.image_pathway(batch.images))


@pytest.mark.parametrize("left", [1, 3])
def test_with_fewer_entries_than_k_it_asks_those_there_are(
    method: Munkey, model: MemoryTransformer, data: Dataset, left: int
) -> None:
    method.unlearn(model, access(method, data, list(range(left, len(data.train)))))
    batch = first(data, 4)
    with torch.inference_mode():
        patches = model.backbone.tokenise(batch.images)
        each = [model.read(patches, token.expand(4, -1)).softmax(1) for token in model.memory.tokens]
        torch.testing.assert_close(model(*batch.inputs).exp(), torch.stack(each).mean(0))


def test_of_two_equal_images_one_can_be_deleted(inputs: Inputs) -> None:
    train = inputs.data.train
    twins = train.take(np.array([*range(20), 0]))
    twins = replace(twins, ids=np.arange(21))
    method = make(inputs)
    model = method.train(twins, seed=0)
    assert train.keys is not None
    query = torch.from_numpy(train.keys[:1])
    assert set(model.memory.nearest(query, 2)[0][0].tolist()) == {0, 20}
    model.memory.forget(torch.tensor([0]))
    assert model.memory.ids[model.memory.nearest(query, 1)[0][0]].item() == 20


@pytest.mark.parametrize(("own", "expected"), [(1.0, 1.0), (0.0, 0.0), (0.8, 0.8)])
def test_the_own_token_is_shown_as_often_as_asked(model: MemoryTransformer, own: float, expected: float) -> None:
    pathways = Pathways(model, seed=0, own=own)
    rows = torch.arange(len(model.memory)).repeat(20)
    shown = pathways._tokens(rows, torch.rand(len(rows), generator=pathways.generator))
    assert (shown == model.memory.tokens[rows]).all(1).float().mean().item() == pytest.approx(expected, abs=0.03)


def test_a_dropped_image_leaves_no_trace_in_the_loss(model: MemoryTransformer, data: Dataset) -> None:
    pathways = Pathways(model, seed=0, drop_image=1.0)
    rows = torch.arange(8)
    labels = torch.from_numpy(data.train.labels[:8])
    images = [torch.zeros(8, 1, 8, 8), torch.ones(8, 1, 8, 8)]
    losses = [pathways.loss(Batch(rows, image, labels)).item() for image in images]
    assert losses[0] == losses[1]


def test_dropped_patches_are_the_null_patch_and_as_many_as_asked(
    model: MemoryTransformer, monkeypatch: pytest.MonkeyPatch
) -> None:
    width = model.backbone.width
    shown: list[torch.Tensor] = []

    def read(patches: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        shown.append(patches)
        return torch.zeros(len(patches), 4, requires_grad=True)

    monkeypatch.setattr(model.backbone, "tokenise", lambda images: torch.full((len(images), 16, width), 7.0))
    monkeypatch.setattr(model, "read", read)
    batch = Batch(torch.arange(100), torch.ones(100, 1, 8, 8), torch.zeros(100, dtype=torch.int64))
    Pathways(model, seed=0, drop_patches=0.3).loss(batch)
    kept = (shown[0] == 7.0).all(2)
    assert torch.equal(shown[0][~kept], model.null_patch.expand(int((~kept).sum()), -1))
    assert (~kept).float().mean().item() == pytest.approx(0.3, abs=0.05)


def test_dropout_takes_whole_channels(model: MemoryTransformer, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def tokenise(images: torch.Tensor) -> torch.Tensor:
        seen.append(images)
        return torch.zeros(64, 16, model.backbone.width)

    monkeypatch.setattr(model.backbone, "tokenise", tokenise)
    monkeypatch.setattr(model, "read", lambda patches, tokens: torch.zeros(64, 4, requires_grad=True))
    pathways = Pathways(model, seed=0, own=1.0, null=0.0, drop_image=0.0, dropout=0.5)
    pathways.loss(Batch(torch.arange(64), torch.ones(64, 10, 8, 8), torch.zeros(64, dtype=torch.int64)))
    sums = seen[0].flatten(2).sum(2)
    assert set(sums.flatten().tolist()) == {0.0, 128.0}, "whole or gone, the rest scaled up"
    assert (sums == 0).float().mean().item() == pytest.approx(0.5, abs=0.08)


def test_filling_trains_tokens_alone(inputs: Inputs, monkeypatch: pytest.MonkeyPatch) -> None:
    moved: list[set[str]] = []
    original = Munkey._descend

    def spy(self: Munkey, shown: Pathways, *rest: object) -> None:
        model = shown.model
        before = {name: p.detach().clone() for name, p in model.named_parameters()}
        original(self, shown, *rest)  # type: ignore[arg-type]
        moved.append({name for name, p in model.named_parameters() if not torch.equal(p, before[name])})

    monkeypatch.setattr(Munkey, "_descend", spy)
    trained = make(inputs, fill=0.5).train(inputs.data.train, seed=0)
    assert "backbone.head.weight" in moved[0]
    assert "memory.tokens" in moved[0]
    assert moved[1] == {"memory.tokens"}
    assert all(p.requires_grad for p in trained.parameters())


def test_costs_are_measured_on_a_copy(method: Munkey, model: MemoryTransformer, data: Dataset) -> None:
    entries = len(model.memory)
    costs = method.deployment_costs(model, first(data, 8), deleted=5)
    assert len(model.memory) == costs["memory_entries"] == entries
    key, token = model.memory.keys.shape[1], model.memory.tokens.shape[1]
    assert costs["memory_bytes_per_entry"] == 8 + 4 * key + 4 * token
    assert model.aggregation == "ensemble"
    assert all(float(costs[f"predict_ms_{name}"]) > 0 for name in ("ensemble", "softmax", "rank", "plain"))


def test_pixel_keys_are_the_default_without_a_frozen_backbone() -> None:
    asked = spec()
    assert Munkey.encoder(asked.hparams, asked.preset) == "pixels"
    with_stem = asked.preset.model_copy(update={"stem": "efficientnet_lite0"})
    assert Munkey.encoder(asked.hparams, with_stem) == "efficientnet_lite0"
    assert Munkey.encoder(spec(encoder="pca").hparams, with_stem) == "pca"


def test_defaults_follow_the_stem() -> None:
    card = registry.method("munkey")
    assert card.resolve_hparams({})["fill"] == card.hparams["fill"].default
    assert card.resolve_hparams({}, stem=True)["fill"] == card.hparams["fill"].with_stem
    assert card.resolve_hparams({"fill": 0.1}, stem=True)["fill"] == 0.1


def test_normalise_leaves_features_as_they_are() -> None:
    features = torch.tensor([[-3.0, 7.5]], dtype=torch.float16)
    assert normalise(features).tolist() == [[-3.0, 7.5]]
    assert isinstance(nn.Identity()(normalise(features)), torch.FloatTensor)


def test_a_neighbours_token_learns_nothing_from_the_image_it_stands_beside(
    model: MemoryTransformer, data: Dataset
) -> None:
    batch = next(iter(Batches(data.train, 16, CPU)))
    for own, learns in ((0.0, False), (1.0, True)):
        model.zero_grad()
        Pathways(model, seed=0, own=own).loss(batch).backward()
        assert model.memory.tokens.grad is not None
        assert bool(model.memory.tokens.grad.any()) == learns
        assert model.backbone.head.weight.grad.any()
