"""Forget sets and the index files that freeze them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from unbench.config import registry
from unbench.data import Dataset, load_dataset
from unbench.data.loading import stratified
from unbench.errors import SpecError
from unbench.experiment.splits import freeze_split
from unbench.scenarios import SCENARIOS, draw_forget_set, parse_scenario
from unbench.store.results import Store

LABELS = np.repeat(np.arange(5), 40)


@pytest.fixture(scope="module")
def data() -> Dataset:
    card = registry.dataset("synthetic")
    return load_dataset(card, card.presets["cpu"])


@pytest.mark.parametrize("name", SCENARIOS)
def test_forget_and_retain_divide_the_training_set(name: str) -> None:
    drawn = draw_forget_set(parse_scenario(name), LABELS, 5, seed=3)
    np.testing.assert_array_equal(np.sort(np.concatenate([drawn.forget, drawn.retain])), np.arange(200))
    again = draw_forget_set(parse_scenario(name), LABELS, 5, seed=3)
    np.testing.assert_array_equal(drawn.forget, again.forget)


@pytest.mark.parametrize(("name", "size"), [("random1", 2), ("random10", 20), ("random50", 100), ("class", 40)])
def test_sizes_are_as_named_and_seeds_differ(name: str, size: int) -> None:
    draws = [draw_forget_set(parse_scenario(name), LABELS, 5, seed).forget for seed in range(8)]
    assert {len(draw) for draw in draws} == {size}
    assert len({tuple(draw) for draw in draws}) > 1


DRAWN = {
    ("random1", 0): [58, 91],
    ("random1", 7): [30, 181],
    ("random10", 0): [13, 14, 48, 63, 74, 76, 88, 108, 109, 110, 127, 128, 131, 132, 150, 152, 160, 177, 181, 194],
    ("random10", 7): [0, 13, 20, 34, 70, 86, 89, 92, 104, 108, 111, 114, 145, 151, 169, 179, 186, 188, 192, 197],
    ("class", 0): list(range(120, 160)),
    ("class", 7): list(range(80, 120)),
}


@pytest.mark.parametrize(("name", "seed"), DRAWN)
def test_a_seed_draws_the_forget_set_that_it_has_always_drawn(name: str, seed: int) -> None:
    drawn = draw_forget_set(parse_scenario(name), LABELS, 5, seed)
    assert drawn.forget.tolist() == DRAWN[name, seed]
    assert drawn.forget_class == {("class", 0): 3, ("class", 7): 2}.get((name, seed))


@pytest.mark.parametrize(
    ("name", "label", "digest"),
    [
        ("random1", None, "153b9a04ba80bbf1"),
        ("random10", None, "b8903ea51a8435d2"),
        ("random50", None, "28722eb3d4d8fc81"),
        ("class", 5, "a93bdbb68211a4e1"),
        ("class[label=3]", 3, "4c9ab860c6208f19"),
    ],
)
def test_forget_and_retain_sets_of_a_seed_are_what_they_have_always_been(
    name: str, label: int | None, digest: str
) -> None:
    drawn = draw_forget_set(parse_scenario(name), np.arange(1000) % 7, 7, seed=3)
    assert hashlib.sha256(drawn.forget.tobytes() + drawn.retain.tobytes()).hexdigest()[:16] == digest
    assert (drawn.forget.dtype, drawn.forget_class) == (np.int64, label)


def test_class_forgets_all_of_one_class_and_nothing_else() -> None:
    drawn = draw_forget_set(parse_scenario("class[label=2]"), LABELS, 5, seed=0)
    assert drawn.forget_class == 2
    np.testing.assert_array_equal(drawn.forget, np.flatnonzero(LABELS == 2))


@pytest.mark.parametrize(
    ("scenario", "labels", "said"),
    [
        ("random1", np.zeros(10, dtype=np.int64), "forgets none of the 10"),
        ("class[label=0]", np.zeros(10, dtype=np.int64), "forgets all 10"),
        ("class[label=1]", np.zeros(10, dtype=np.int64), "forgets none"),
        ("class[label=9]", LABELS, "there are 5 classes"),
    ],
)
def test_an_empty_or_whole_forget_set_is_refused(scenario: str, labels: np.ndarray, said: str) -> None:
    classes = 5 if labels is LABELS else 2
    with pytest.raises(SpecError, match=said):
        draw_forget_set(parse_scenario(scenario), labels, classes, seed=0)


def test_the_index_file_is_written_once_and_then_obeyed(tmp_path: Path, data: Dataset) -> None:
    store, scenario = Store(tmp_path), parse_scenario("random10")
    first = freeze_split(store, data, scenario, seed=0)
    (path,) = store.splits.glob("*.json")
    stamp = path.stat().st_mtime_ns
    second = freeze_split(store, data, scenario, seed=0)
    assert path.stat().st_mtime_ns == stamp
    assert first.hash == second.hash == json.loads(path.read_text())["hash"]
    np.testing.assert_array_equal(first.forget, second.forget)
    index = json.loads(path.read_text())
    assert set(index["forget"]) | set(index["retain"]) == set(data.train.ids.tolist())
    assert not set(index["forget"]) & set(index["retain"])
    assert not (set(index["forget"]) | set(index["retain"])) & set(index["val"]), "val is carved from train"


@pytest.mark.parametrize("sealed", [True, False])
def test_a_changed_index_file_is_set_aside_and_drawn_again(
    tmp_path: Path, data: Dataset, caplog: pytest.LogCaptureFixture, sealed: bool
) -> None:
    store, scenario = Store(tmp_path), parse_scenario("random10")
    first = freeze_split(store, data, scenario, seed=0)
    (path,) = store.splits.glob("*.json")
    sound = path.read_bytes()
    index = json.loads(sound)
    if not sealed:
        del index["seal"]
    index["retain"].append(index["forget"].pop())
    path.write_text(json.dumps(index))
    assert freeze_split(store, data, scenario, seed=0).hash == first.hash
    assert path.read_bytes() == sound
    assert ("checksum" if sealed else "own hash") in caplog.text
    assert [json.loads(file.read_text()) for file in (tmp_path / "damaged" / "splits").iterdir()] == [index]


def test_an_index_file_without_a_seal_is_obeyed(tmp_path: Path, data: Dataset) -> None:
    store, scenario = Store(tmp_path), parse_scenario("random10")
    first = freeze_split(store, data, scenario, seed=0)
    (path,) = store.splits.glob("*.json")
    index = json.loads(path.read_text())
    del index["seal"]
    path.write_text(json.dumps(index))
    assert freeze_split(store, data, scenario, seed=0).hash == first.hash
    assert not (tmp_path / "damaged").exists()


def test_stratified_subsets_keep_shares_and_rare_classes() -> None:
    labels = np.repeat([0, 1, 2], [900, 90, 10])
    rows = stratified(labels, 100, seed=0)
    assert len(rows) == len(set(rows.tolist())) == 100
    np.testing.assert_allclose(np.bincount(labels[rows]), [90, 9, 1], atol=1)
    assert len(stratified(labels, 1000, seed=0)) == 1000
