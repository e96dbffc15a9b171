"""Shadow models: who sees what, one pool for all methods, the same bits however many are made at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from unbench import shadow
from unbench.config import registry
from unbench.data import Dataset, load_dataset
from unbench.errors import SpecError, StoreError
from unbench.experiment.shadow_models.grow import half, shadow_split
from unbench.experiment.shadow_models.pool import ShadowPool, pools
from unbench.experiment.shadow_models.reading import oracle_cell, references, shadow_outputs
from unbench.metrics import MissingValue
from unbench.scenarios import parse_scenario

SMALL = {"dataset": "synthetic", "preset": "smoke", "count": 4}


@pytest.fixture(scope="module")
def data() -> Dataset:
    card = registry.dataset("synthetic")
    return load_dataset(card, card.presets["smoke"])


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four models, one at a time, that two methods made forget."""
    folder = tmp_path_factory.mktemp("shadows")
    for method in ("none", "ga"):
        grown = shadow(method, results=folder, jobs=1, **SMALL)  # type: ignore[arg-type]
        assert (grown.models, grown.failed) == (4, {})
    return folder


def only_pool(results: Path) -> ShadowPool:
    (pool,) = pools(results / "shadows")
    return pool


def test_two_models_have_complementary_halves(data: Dataset) -> None:
    everything = np.arange(len(data.train))
    for pair in range(3):
        one, other = half(data, 2 * pair), half(data, 2 * pair + 1)
        assert np.array_equal(np.sort(np.concatenate([one, other])), everything)
    assert not np.array_equal(half(data, 0), half(data, 2))


@pytest.mark.parametrize("name", ["random10", "class"])
def test_a_model_forgets_those_targets_that_it_saw(data: Dataset, name: str) -> None:
    scenario = parse_scenario(name)
    splits = [shadow_split(data, scenario, number) for number in range(4)]
    for number, split in enumerate(splits):
        assert np.array_equal(np.union1d(split.retain, split.forget), half(data, number))
        assert not set(split.retain) & set(split.forget)
    targets = np.union1d(splits[0].forget, splits[1].forget)
    assert np.array_equal(np.union1d(splits[2].forget, splits[3].forget), targets), "the same for all models"
    if name == "class":
        assert set(data.train.labels[targets]) == {splits[0].forget_class}


def test_all_methods_share_the_models_and_the_retrained_ones(results: Path) -> None:
    pool = only_pool(results)
    assert pool.numbers() == [0, 1, 2, 3]
    assert sorted(cell.about["method"] for cell in pool.cells()) == ["ga", "none", "retrain"]
    stages = [path.name.partition("-")[0] for path in (results / "stages").iterdir()]
    assert sorted(stages) == ["shadow"] * 4 + ["shadow_oracle"] * 4, "none was trained twice"


def test_doing_nothing_changes_nothing_and_retraining_does(results: Path) -> None:
    pool = only_pool(results)
    nothing = next(cell for cell in pool.cells() if cell.about["method"] == "none")
    oracle = oracle_cell(pool, nothing)
    assert oracle is not None
    method, retrained = shadow_outputs(pool, nothing, oracle)
    assert np.array_equal(method.logits, method.before)
    assert not np.array_equal(retrained.logits, retrained.before)
    assert np.array_equal(method.forgotten, retrained.forgotten)
    assert (method.forgotten.sum(axis=0) == 2).all(), "half of the models saw each target"
    right = method.test_logits.argmax(axis=2) == method.test_labels
    assert right.shape == (4, 80)
    assert ((method.retain_acc >= 0) & (method.retain_acc <= 100)).all()


def test_the_number_of_jobs_changes_no_bit_and_what_is_there_stays(results: Path, tmp_path: Path) -> None:
    shadow("ga", results=tmp_path, jobs=2, **SMALL)  # type: ignore[arg-type]
    one, other = only_pool(results), only_pool(tmp_path)
    assert one.folder.name == other.folder.name
    for number in range(4):
        mine, theirs = one.read(number), other.read(number)
        assert all(np.array_equal(mine[name], theirs[name]) for name in mine)
    cells = {cell.folder.name: cell for cell in one.cells()}
    for cell in other.cells():
        for number in range(4):
            mine, theirs = cells[cell.folder.name].read(number), cell.read(number)
            assert all(np.array_equal(mine[name], theirs[name]) for name in mine)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.safetensors")}
    grown = shadow("ga", results=tmp_path, jobs=1, **{**SMALL, "count": 6})  # type: ignore[arg-type]
    assert grown.models == 6 and other.numbers() == list(range(6))
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in before.items())


def test_references_are_in_the_order_of_the_run(results: Path) -> None:
    import pyarrow as pa

    pool = only_pool(results)
    examples, first = pool.examples(), pool.read(0)
    rows = np.array([5, 0, 9])
    table = pa.table(
        {
            "split": ["forget", "retain", "forget", "test", "val"],
            "example_id": np.concatenate(
                [examples["ids/train"][rows], examples["ids/test"][:1], examples["ids/val"][:1]]
            ),
            "label": np.concatenate(
                [examples["labels/train"][rows], examples["labels/test"][:1], examples["labels/val"][:1]]
            ),
        }
    )
    found = references(pool, table).splits
    assert np.array_equal(found["forget"].logits[0], first["train"][[5, 9]])
    assert np.array_equal(found["forget"].seen[0], first["half"][[5, 9]])
    assert not found["test"].seen.any()
    with pytest.raises(MissingValue, match="other labels"):
        references(pool, table.set_column(2, "label", [pa.array(np.asarray(table["label"]) + 1)]))
    with pytest.raises(MissingValue, match="other images"):
        references(pool, table.set_column(1, "example_id", [pa.array([10**6] * 5)]))


def test_a_method_with_models_of_its_own_has_a_pool_of_its_own(tmp_path: Path) -> None:
    shadow("knn", results=tmp_path, jobs=1, **SMALL)  # type: ignore[arg-type]
    pool = only_pool(tmp_path)
    assert pool.about["trainer"][0] == "knn"
    assert sorted(cell.about["method"] for cell in pool.cells()) == ["knn", "retrain"]


def test_wrong_requests_are_refused(tmp_path: Path) -> None:
    for count in (2, 5):
        with pytest.raises(SpecError, match="must be even"):
            shadow("ga", results=tmp_path, **{**SMALL, "count": count})  # type: ignore[arg-type]
    with pytest.raises(SpecError, match="jobs must be at least 1, not 0"):
        shadow("ga", results=tmp_path, jobs=0, **SMALL)  # type: ignore[arg-type]
    with pytest.raises(SpecError, match="does not serve"):
        shadow("unsir", results=tmp_path, **SMALL)  # type: ignore[arg-type]
    assert not (tmp_path / "shadows").exists()


def test_a_method_that_fails_is_told_and_the_others_go_on(tmp_path: Path) -> None:
    said: list[str] = []
    grown = shadow("ga[lr=1,epochs=50]", results=tmp_path, jobs=1, log=said.append, **SMALL)  # type: ignore[arg-type]
    assert grown.models + len(grown.failed) == 4
    assert len(said) == len(grown.failed) > 0
    assert "DivergedError" in said[0]


def test_a_damaged_file_is_named(results: Path, tmp_path: Path) -> None:
    shadow("none", results=tmp_path, jobs=1, **SMALL)  # type: ignore[arg-type]
    pool = only_pool(tmp_path)
    path = pool.folder / "0002.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(StoreError, match=r"0002\.safetensors"):
        pool.read(2)
