"""SISA, nearest neighbours, RAC, ridge regression, PFM: deletion against never having seen the data."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from unlearning import CPU, access_to_class, access_to_rows, same

from unbench.config import registry
from unbench.config.cards import Training
from unbench.data import Dataset, load_dataset
from unbench.data.batches import Batch, Batches
from unbench.data.encoders.cache import FeatureCache
from unbench.data.images import Images
from unbench.deployment.forget import forget
from unbench.deployment.predict import Predictor
from unbench.deployment.train import train
from unbench.errors import NotApplicableError, SpecError
from unbench.experiment.inputs import Inputs, make_method, prepare
from unbench.experiment.spec import RunSpec
from unbench.methods import sisa
from unbench.methods.base import Method, load_method
from unbench.methods.components.keyed import KeyedMethod
from unbench.methods.knn import NearestNeighbours, Weights
from unbench.methods.preforget import ABSENT, PromptBank, Subsets
from unbench.methods.rac import RetrievalClassifier
from unbench.methods.ridge import RidgeClassifier
from unbench.methods.sisa import ShardedEnsemble
from unbench.models.memory import LabelMemory
from unbench.progress import Progress
from unbench.training.loops import predict

KEYED = ("knn", "rac", "ridge", "preforget")


def spec(name: str, **hparams: object) -> RunSpec:
    inside = ",".join(f"{key}={value}" for key, value in hparams.items())
    return RunSpec.parse(f"{name}[{inside}]" if inside else name, "synthetic", preset="smoke")


@pytest.fixture(scope="module")
def inputs() -> Inputs:
    card = registry.dataset("synthetic")
    return prepare(load_dataset(card, card.presets["smoke"]), spec("knn"), CPU, Progress())


@pytest.fixture(scope="module")
def data(inputs: Inputs) -> Dataset:
    """The synthetic data set with keys."""
    return inputs.data


@pytest.fixture
def features(inputs: Inputs, tmp_path: Path) -> FeatureCache:
    """Features kept in a folder of the test."""
    return FeatureCache(inputs.data, tmp_path / "features")


@pytest.fixture
def make(inputs: Inputs, features: FeatureCache) -> Callable[..., Method]:
    """A method on inputs whose features are kept in a folder of the test."""
    own = replace(inputs, features=features)
    return lambda name, **hparams: make_method(spec(name, **hparams), own, CPU, Progress())


def without(images: Images, rows: np.ndarray) -> Images:
    return images.take(np.setdiff1d(np.arange(len(images)), rows))


def on(images: Images) -> tuple[Tensor, Tensor, Tensor]:
    """Pixels, keys and labels of a set."""
    batch = next(iter(Batches(images, len(images), CPU)))
    assert batch.keys is not None
    return batch.images, batch.keys, batch.labels


def answers(model: nn.Module, data: Dataset) -> dict[str, Tensor]:
    reads_keys = not isinstance(model, ShardedEnsemble)
    splits = {name: images if reads_keys else replace(images, keys=None) for name, images in data.splits.items()}
    return predict(model, splits, CPU)


def longer(method: Method, epochs: int) -> None:
    """Give the method a recipe of so many epochs."""
    recipe = method.context.preset.training.model_copy(update={"epochs": epochs})
    preset = method.context.preset.model_copy(update={"training": recipe})
    method.context = replace(method.context, preset=preset)


@pytest.mark.parametrize("name", KEYED)
def test_the_encoder_is_the_presets_its_frozen_backbone_or_pixels(name: str) -> None:
    asked = spec(name)
    code: type[KeyedMethod] = load_method(asked.method)
    assert code.encoder(asked.hparams, asked.preset) == "pixels"
    stem = asked.preset.model_copy(update={"stem": "efficientnet_lite0"})
    assert code.encoder(asked.hparams, stem) == "efficientnet_lite0"
    assert code.encoder(asked.hparams, stem.model_copy(update={"keys": "vit_b_16"})) == "vit_b_16"
    assert code.encoder(spec(name, encoder="pca").hparams, stem) == "pca"


@pytest.mark.parametrize("name", KEYED)
def test_keys_kept_on_disk_are_erased(
    name: str, make: Callable[..., Method], data: Dataset, features: FeatureCache
) -> None:
    from unbench.data import encoders

    method = make(name)
    handed = access_to_class(method, data)
    key = features.keys(encoders.load("pixels", CPU), "train")[data.train.labels == 1][0].tobytes()
    assert any(key in path.read_bytes() for path in features.folder.glob("*")), "else the search proves nothing"
    method.unlearn(method.train(data.train, seed=0), handed)
    assert not any(key in path.read_bytes() for path in features.folder.glob("*"))


@pytest.mark.parametrize("name", [*KEYED, "sisa"])
def test_a_model_is_rebuilt_from_its_state(name: str, make: Callable[..., Method], data: Dataset) -> None:
    method = make(name)
    model = method.train(data.train, seed=3)
    again = method.build(len(data.train))
    again.load_state_dict(model.state_dict())
    assert same(answers(model, data), answers(again, data))


@pytest.mark.parametrize("name", [*KEYED, "sisa"])
def test_a_saved_model_answers_and_a_memory_forgets_by_ids(
    name: str, data: Dataset, results: Path, tmp_path: Path
) -> None:
    saved = train(tmp_path / name, name, "synthetic", preset="smoke", results=results)
    pixels = torch.from_numpy(np.array(data.test.pixels[:5]))
    told = Predictor.load(saved).probabilities(pixels)
    torch.testing.assert_close(told.sum(1), torch.ones(5))
    ids = data.train.ids[:100].tolist()
    if name in ("knn", "rac"):
        assert forget(saved, ids)["deleted"] == sorted(ids)
        assert not torch.equal(Predictor.load(saved).probabilities(pixels), told)
    else:
        with pytest.raises(SpecError, match="no memory"):
            forget(saved, ids)


# SISA


@pytest.mark.parametrize(
    ("shards", "slices", "rows"), [(2, 2, np.arange(0, 140, 10)), (3, 1, np.array([5])), (1, 3, np.array([7, 8]))]
)
def test_sisa_is_to_the_bit_what_training_on_the_retain_set_gives(
    shards: int, slices: int, rows: np.ndarray, make: Callable[..., Method], data: Dataset
) -> None:
    method = make("sisa", shards=shards, slices=slices)
    model = method.train(data.train, seed=11)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    after = method.unlearn(model, access_to_rows(method, data, rows)).state_dict()
    from_nothing = method.train(without(data.train, rows), seed=11).state_dict()
    assert after.keys() == from_nothing.keys()
    assert same(after, from_nothing)
    assert not same(after, before)


def test_sisa_trains_again_from_the_first_affected_slice_and_no_other_shard(
    make: Callable[..., Method], data: Dataset
) -> None:
    method = make("sisa", shards=2, slices=3)
    assert isinstance(method, sisa.Sisa)
    model = method.train(data.train, seed=0)
    shards, pieces = method._places(model, data.train.ids)
    rows = np.flatnonzero((shards == 1) & (pieces >= 1))[[0, -1]]
    first = int(pieces[rows].min())
    before = [{name: t.clone() for name, t in part.state_dict().items()} for part in model.checkpoints]
    method.unlearn(model, access_to_rows(method, data, rows))
    changed = [not same(old, part.state_dict()) for old, part in zip(before, model.checkpoints, strict=True)]
    assert changed == [False] * (3 + first) + [True] * (3 - first)


def test_sisa_draws_the_place_of_an_image_by_its_id_alone(make: Callable[..., Method], data: Dataset) -> None:
    method = make("sisa", shards=4, slices=5)
    assert isinstance(method, sisa.Sisa)
    model = method.build(0)
    ids = np.arange(4000)
    shards, pieces = method._places(model, ids)
    counts = np.bincount(shards * 5 + pieces, minlength=20)
    assert counts.min() > 130 and counts.max() < 270, "200 are expected in each"
    some = np.array([3999, 17, 5])
    np.testing.assert_array_equal(method._places(model, some), (shards[some], pieces[some]))
    model.seed.fill_(1)
    assert not np.array_equal(method._places(model, ids)[0], shards), "another training divides otherwise"


def test_sisa_sees_each_slice_with_those_before_it_for_as_many_steps_as_one_model(
    make: Callable[..., Method], data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[set[int], Training, int]] = []

    def spy(model: nn.Module, images: Images, recipe: Training, seed: int, *rest: object) -> nn.Module:
        seen.append((set(images.ids.tolist()), recipe, seed))
        return model

    monkeypatch.setattr(sisa, "train_classifier", spy)
    method = make("sisa", shards=2, slices=3)
    longer(method, 20)
    method.train(data.train, seed=0)
    ids = [step[0] for step in seen]
    assert ids[0] < ids[1] < ids[2]
    assert ids[3] < ids[4] < ids[5]
    assert ids[2] | ids[5] == set(data.train.ids.tolist())
    assert not ids[2] & ids[5]
    assert {step[1].epochs for step in seen} == {10}, "2 * 20 / (3 + 1)"
    assert len({step[2] for step in seen}) == 6, "a seed of its own for each step"
    shown = sum(len(step[0]) * step[1].epochs for step in seen)
    assert shown == pytest.approx(20 * len(data.train), rel=0.1)


@pytest.mark.parametrize("left", [0, 1, 2, 33])
def test_sisa_with_hardly_anything_left(left: int, make: Callable[..., Method], data: Dataset) -> None:
    method = make("sisa", shards=1, slices=2)
    model = method.train(data.train, seed=0)
    method.unlearn(model, access_to_rows(method, data, np.arange(left, len(data.train))))
    assert model.voting.tolist() == [left > 1]
    pixels, _, _ = on(data.test)
    out = model(pixels)
    torch.testing.assert_close(out.exp().sum(1), torch.ones(len(pixels)))
    assert bool((out == out[0, 0]).all()) == (left < 2), "a shard that cannot be trained does not vote"


def test_sisa_never_ends_an_epoch_on_a_single_image(
    make: Callable[..., Method], data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []

    def spy(model: nn.Module, images: Images, recipe: Training, *rest: object) -> nn.Module:
        sizes.extend(len(batch.rows) for batch in Batches(images, recipe.batch_size, CPU))
        return model

    monkeypatch.setattr(sisa, "train_classifier", spy)
    method = make("sisa", shards=1, slices=1)
    for count in (2, 33, 65, 100):
        method.train(data.train.take(np.arange(count)), seed=0)
    assert sizes == [2, 33, 33, 32, 32, 32, 32, 4]


class Constant(nn.Module):
    """Always the same logits."""

    def __init__(self, *probabilities: float) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.tensor(probabilities).log())

    def forward(self, images: Tensor) -> Tensor:
        return self.logits.expand(len(images), -1)


@pytest.mark.parametrize(
    ("aggregation", "voting", "expected"),
    [
        ("probabilities", [True, True, True], [1.2 / 3, 1.3 / 3, 0.5 / 3]),
        ("probabilities", [True, False, True], [0.5, 0.35, 0.15]),
        ("votes", [True, True, True], [(1 + 1.2 / 3) / 4, (2 + 1.3 / 3) / 4, 0.5 / 3 / 4]),
        ("votes", [True, False, True], [(1 + 0.5) / 3, (1 + 0.35) / 3, 0.15 / 3]),
        ("votes", [False, False, False], [1 / 3, 1 / 3, 1 / 3]),
    ],
)
def test_constituents_are_averaged_or_vote(aggregation: str, voting: list[bool], expected: list[float]) -> None:
    members = iter([Constant(0.6, 0.2, 0.2), Constant(0.2, 0.6, 0.2), Constant(0.4, 0.5, 0.1)])
    ensemble = ShardedEnsemble(lambda: next(members), 3, 1, 3, aggregation)  # type: ignore[arg-type]
    ensemble.voting[:] = torch.tensor(voting)
    out = ensemble(torch.zeros(2, 1, 4, 4))
    torch.testing.assert_close(out.exp(), torch.tensor([expected, expected]))


def test_votes_leave_every_class_a_finite_loss() -> None:
    sure = ShardedEnsemble(lambda: Constant(1.0, 1e-38, 1e-38), 2, 1, 3, "votes")
    assert torch.isfinite(sure(torch.zeros(1, 1, 4, 4))).all()


# Labels beside keys


def memory_of(keys: list[list[float]], labels: list[int], classes: int = 3) -> LabelMemory:
    return LabelMemory(torch.arange(10, 10 + len(keys)), torch.tensor(keys), torch.tensor(labels), classes)


def test_the_query_itself_is_passed_over_once() -> None:
    memory = memory_of([[0.0, 1.0], [2.0, 1.0], [2.0, 1.0], [1.0, 0.0]], [0, 1, 1, 2])
    rows, similarities, others = memory.nearest_others(torch.tensor([[4.0, 2.0], [1.0, 1.0]]), 2)
    assert rows.tolist() == [[2, 3], [1, 2]], "of two copies the other stays; a stranger is not passed over"
    assert others.all()
    torch.testing.assert_close(similarities[0], torch.tensor([1.0, 2 / math.sqrt(5)]))
    rows, _, others = memory.nearest_others(torch.tensor([[1.0, 0.0], [1.0, 1.0]]), 9)
    assert rows[0, :3].tolist() == [1, 2, 0]
    assert others.tolist() == [[True, True, True, False], [True] * 4]


def test_a_blank_query_is_its_own_entry_too() -> None:
    memory = memory_of([[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]], [0, 1, 2])
    rows, _, others = memory.nearest_others(torch.zeros(1, 2), 3)
    assert rows.tolist() == [[0, 2, 1]]
    assert others.tolist() == [[True, True, False]]


def test_labels_go_with_their_keys() -> None:
    memory = memory_of([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], [0, 1, 2])
    memory.forget(torch.tensor([10]))
    found = dict(zip(memory.ids.tolist(), memory.tokens.argmax(1).tolist(), strict=True))
    assert found == {11: 1, 12: 2}


# Nearest neighbours

ANGLES = [0.1, 0.2, 0.3, 0.4]


@pytest.mark.parametrize(
    ("weights", "votes"),
    [
        ("plurality", [1, 1, 1, 1]),
        ("distance", [math.exp(math.cos(a) - 1) for a in ANGLES]),
        ("softmax", [math.exp((math.cos(a) - 1) / 0.07) for a in ANGLES]),
        ("rank", [1 / 2, 1 / 3, 1 / 4, 1 / 5]),
    ],
)
def test_neighbours_vote_by_hand(weights: Weights, votes: list[float]) -> None:
    keys = [[math.cos(a), math.sin(a)] for a in [*ANGLES, 2.0]]
    memory = memory_of(keys, [0, 1, 1, 0, 2])
    out = NearestNeighbours(memory, 4, weights, 0.07, True)(torch.zeros(1, 1, 1, 1), torch.tensor([[1.0, 0.0]])).exp()[
        0
    ]
    expected = torch.tensor([votes[0] + votes[3], votes[1] + votes[2], 0.0]) / sum(votes)
    torch.testing.assert_close(out, expected, atol=2e-5, rtol=0)
    assert 0 < out[2] < 2e-6, "no votes, and a finite logarithm"


@pytest.mark.parametrize(
    ("weights", "labels", "winner"),
    [
        ("plurality", [2, 1, 1, 2], 2),
        ("plurality", [1, 2, 2, 1], 1),
        ("plurality", [2, 1, 0, 0, 1], 1),
        ("rank", [2, 0, 1, 1, 0], 2),  # 1/2 = 1/3 + 1/6
    ],
)
def test_of_equal_votes_the_class_met_first_wins(weights: Weights, labels: list[int], winner: int) -> None:
    keys = [[math.cos(a / 10), math.sin(a / 10)] for a in range(1, 1 + len(labels))]
    model = NearestNeighbours(memory_of(keys, labels), len(labels), weights, 0.07, True)
    assert model(torch.zeros(1, 1, 1, 1), torch.tensor([[1.0, 0.0]])).argmax(1).item() == winner


@pytest.mark.parametrize("leave_one_out", [True, False])
def test_a_training_image_is_answered_by_the_others(
    leave_one_out: bool, make: Callable[..., Method], data: Dataset
) -> None:
    flipped = (data.train.labels + (np.arange(len(data.train)) == 5)) % 4  # its neighbours do not know this label
    images = data.train.relabelled(flipped)
    model = make("knn", neighbours=1, leave_one_out=str(leave_one_out).lower()).train(images, seed=0)
    right = model(*on(images)[:2]).argmax(1) == torch.from_numpy(images.labels)
    assert bool(right.all()) != leave_one_out
    assert bool(right[5]) != leave_one_out


@pytest.mark.parametrize("weights", ["plurality", "distance", "softmax", "rank"])
def test_deletion_from_a_visual_memory_is_never_having_stored_to_the_bit(
    weights: str, make: Callable[..., Method], data: Dataset
) -> None:
    method = make("knn", weights=weights)
    model = method.train(data.train, seed=0)
    before = answers(model, data)
    rows = np.arange(0, len(data.train), 3)
    after = answers(method.unlearn(model, access_to_rows(method, data, rows)), data)
    assert same(after, answers(method.train(without(data.train, rows), seed=1), data))
    assert not same(after, before)


def test_a_visual_memory_without_entries_is_uniform(make: Callable[..., Method], data: Dataset) -> None:
    method = make("knn")
    for left in (0, 1):
        model = method.train(data.train.take(np.arange(left)), seed=0)
        out = model(*on(data.train.take(np.arange(1)))[:2])
        torch.testing.assert_close(out.exp(), torch.full((1, 4), 0.25))


# RAC


def test_rac_joins_branches_of_equal_length(make: Callable[..., Method], data: Dataset) -> None:
    method = make("rac")
    model = method.train(data.train, seed=0)
    assert isinstance(model, RetrievalClassifier)
    pixels, keys, _ = on(data.test)
    base, retrieved = model.base(pixels), model.retrieve(keys)
    expected = model.scale * (base / base.norm(dim=1, keepdim=True) + retrieved / retrieved.norm(dim=1, keepdim=True))
    torch.testing.assert_close(model(pixels, keys), expected)
    parts = method.pathways(model)
    torch.testing.assert_close(parts["image"](pixels, keys) + parts["memory"](pixels, keys), expected)


@pytest.mark.parametrize(("classes", "alone"), [(2, 0.8), (3, 0.6), (200, 0.9)])
def test_a_branch_of_rac_is_never_surer_than_allowed(classes: int, alone: float) -> None:
    memory = memory_of([[1.0, 0.0]], [0], classes)
    model = RetrievalClassifier(nn.Identity(), memory, 1, 4, alone)
    surest = torch.eye(classes)[:1] - 1 / classes
    nothing = torch.zeros(1, classes)
    assert model.join(surest, nothing).softmax(1)[0, 0].item() == pytest.approx(alone, abs=1e-5)
    others = torch.randn(1000, classes, generator=torch.Generator().manual_seed(0))
    assert model.join(nothing, torch.cat([5 * torch.eye(classes), others])).softmax(1).max() < alone


def test_rac_in_training_sees_what_it_sees_afterwards(make: Callable[..., Method], data: Dataset) -> None:
    model = make("rac").train(data.train, seed=0)
    near = model.memory.neighbours(10)
    rows, _, others = model.memory.nearest_others(on(data.train)[1], 10)
    assert torch.equal(rows, near)
    assert others.all()
    own = torch.arange(len(data.train))[:, None]
    assert not (rows == own).any(), "an image's own label would be the answer"


def test_rac_learns_in_both_branches_and_leaves_labels_alone(make: Callable[..., Method], data: Dataset) -> None:
    method = make("rac")
    model = method.train(data.train, seed=0)
    torch.manual_seed(0)
    start, end = dict(method.build(len(data.train)).named_parameters()), dict(model.named_parameters())
    assert not any(torch.equal(start[name], end[name]) for name in ("base.head.weight", "rank", "head.weight"))
    assert torch.equal(model.memory.tokens, functional.one_hot(torch.from_numpy(data.train.labels), 4).float())


def test_rac_deletes_rows_and_its_base_is_as_it_was(make: Callable[..., Method], data: Dataset) -> None:
    method = make("rac")
    model = method.train(data.train, seed=0)
    weights = {name: t.clone() for name, t in model.state_dict().items() if not name.startswith("memory.")}
    pixels, keys, _ = on(data.train)
    base = model.base(pixels)
    rows = np.arange(0, len(data.train), 2)
    method.unlearn(model, access_to_rows(method, data, rows))
    assert not set(data.train.ids[rows]) & set(model.memory.ids.tolist())
    assert same(weights, model.state_dict())
    assert torch.equal(model.base(pixels), base)
    method.unlearn(model, access_to_rows(method, data, np.arange(len(data.train))))
    torch.testing.assert_close(model(pixels, keys), model.scale * functional.normalize(base, dim=1))


# Ridge regression


def test_ridge_is_the_least_squares_solution(make: Callable[..., Method], data: Dataset) -> None:
    model = make("ridge", ridge=0.3, temperature=0.5).train(data.train, seed=0)
    _, keys, labels = on(data.train)
    x = functional.normalize(keys, dim=1).double().numpy()
    x = np.hstack([x, np.ones((len(x), 1))])
    # The same problem as ordinary least squares, with rows for the penalty.
    design = np.vstack([x, math.sqrt(0.3) * np.eye(x.shape[1])])
    target = np.vstack([np.eye(4)[labels.numpy()], np.zeros((x.shape[1], 4))])
    expected = np.linalg.lstsq(design, target, rcond=None)[0]
    np.testing.assert_allclose(model.weights.detach().numpy(), expected, atol=1e-6)
    np.testing.assert_allclose(model(*on(data.train)[:2]).detach().numpy(), x @ expected / 0.5, atol=1e-5)


def test_subtraction_is_never_having_seen(make: Callable[..., Method], data: Dataset) -> None:
    method = make("ridge", ridge=1e-3)
    model = method.train(data.train, seed=0)
    before = model.weights.detach().clone()
    for rows in (np.arange(0, len(data.train), 4), np.arange(1, len(data.train), 4)):
        method.unlearn(model, access_to_rows(method, data, rows))
    rows = np.flatnonzero(np.arange(len(data.train)) % 4 < 2)
    never = method.train(without(data.train, rows), seed=0)
    torch.testing.assert_close(model.weights, never.weights, atol=1e-6, rtol=0)
    assert (before - never.weights).abs().max() > 1e-2, "else the comparison proves nothing"


def test_ridge_with_everything_subtracted_says_nothing(make: Callable[..., Method], data: Dataset) -> None:
    method = make("ridge")
    model = method.unlearn(method.train(data.train, seed=0), access_to_rows(method, data, np.arange(len(data.train))))
    assert model(*on(data.test)[:2]).abs().max() < 1e-6


def test_ridge_holds_sums_and_no_image(make: Callable[..., Method], data: Dataset) -> None:
    method = make("ridge")
    sizes = {name: tensor.shape for name, tensor in method.train(data.train, seed=0).state_dict().items()}
    few = method.train(data.train.take(np.arange(7)), seed=0).state_dict()
    assert sizes == {name: tensor.shape for name, tensor in few.items()}
    assert isinstance(method.build(0), RidgeClassifier)
    assert all(tensor.dtype == torch.float64 for tensor in few.values())


# PFM


def test_a_deleted_class_has_no_token_and_a_low_logit(make: Callable[..., Method], data: Dataset) -> None:
    method = make("preforget")
    model = method.train(data.train, seed=0)
    assert isinstance(model, PromptBank)
    token = model.tokens.detach()[2].numpy().tobytes()
    state = b"".join(tensor.numpy().tobytes() for tensor in model.state_dict().values())
    assert token in state, "else the search proves nothing"
    _, keys, _ = on(data.test)
    others = model.scores(keys)[:, [0, 1, 3]]
    method.unlearn(model, access_to_class(method, data, 2))
    out = model(*on(data.test)[:2])
    assert (out[:, 2] == ABSENT).all()
    assert torch.equal(out[:, [0, 1, 3]], others)
    assert (out.softmax(1)[:, 2] == 0).all()
    assert token not in b"".join(tensor.numpy().tobytes() for tensor in model.state_dict().values())


def test_a_class_that_was_never_there_has_no_token(make: Callable[..., Method], data: Dataset) -> None:
    rest = without(data.train, np.flatnonzero(data.train.labels == 2))
    model = make("preforget").train(rest, seed=0)
    assert model.present.tolist() == [True, True, False, True]
    assert not model.tokens[2].any()
    assert (model(*on(data.test)[:2])[:, 2] == ABSENT).all()


def test_pfm_cannot_forget_single_images(make: Callable[..., Method], data: Dataset) -> None:
    method = make("preforget")
    with pytest.raises(NotApplicableError, match="whole classes"):
        method.unlearn(method.train(data.train, seed=0), access_to_rows(method, data, np.arange(5)))


def test_tokens_are_drawn_among_the_other_present_ones() -> None:
    bank = PromptBank(6, 4, 0.07)
    bank.delete(3)
    subsets = Subsets(bank, seed=0)
    labels = torch.tensor([0, 1, 5] * 50)
    counts, drawn = set(), torch.zeros(6)
    for _ in range(60):
        others = subsets.draw(labels)
        assert not others[:, 3].any(), "absent"
        assert not others.gather(1, labels[:, None]).any(), "the right one"
        assert len(set(others.sum(1).tolist())) == 1
        counts.add(int(others[0].sum()))
        drawn += others.float().mean(0) / 60
    assert counts == {0, 1, 2, 3, 4}
    torch.testing.assert_close(drawn[[2, 4]], torch.tensor([0.5, 0.5]), atol=0.1, rtol=0)


def test_the_two_losses_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    bank = PromptBank(4, 3, 0.5)
    subsets = Subsets(bank, seed=0)
    others = torch.tensor([[False, True, True, False]])
    monkeypatch.setattr(subsets, "draw", lambda labels: others)
    keys = torch.tensor([[1.0, 2.0, -1.0]])
    p = torch.exp(bank.scores(keys)[0])
    with_right = -torch.log(p[0] / (p[0] + p[1] + p[2]))
    without_right = sum(0.5 * torch.log(0.5 / (p[i] / (p[1] + p[2]))) for i in (1, 2))
    loss = subsets.loss(Batch(torch.tensor([0]), torch.zeros(1, 1, 1, 1), torch.tensor([0]), keys))
    torch.testing.assert_close(loss, with_right + without_right)
    others[:] = False
    assert subsets.loss(Batch(torch.tensor([0]), torch.zeros(1, 1, 1, 1), torch.tensor([0]), keys)).item() == 0.0


def test_without_its_token_an_image_says_little(make: Callable[..., Method], data: Dataset) -> None:
    method = make("preforget", lr=0.1)
    longer(method, 40)
    model = method.train(data.train, seed=0)
    images = data.train.take(np.flatnonzero(data.train.labels == 1))
    sure = model(*on(images)[:2]).softmax(1).amax(1).mean()
    method.unlearn(model, access_to_class(method, data, 1))
    assert model(*on(images)[:2]).softmax(1).amax(1).mean() < sure - 0.2
