"""Membership inference on the worst class and on the hardest tenth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted import copies, from_margins, outcome, planted, relabelled, taken, value
from sklearn.metrics import roc_auc_score

from unbench.metrics import METRICS, Model, RunOutputs
from unbench.metrics.at_risk import LEAST
from unbench.metrics.attacks import loss
from unbench.metrics.registry import ALL_MODELS

WORST, HARDEST = "worst_class_mia_auroc", "hardest_decile_mia_auroc"
SIZES = {"retain": 50, "forget": 240, "val": 20, "test": 320}


def tied(run: RunOutputs) -> RunOutputs:
    logits = {model: np.round(values) for model, values in run.logits.items()}
    return RunOutputs(run.labels, run.splits, logits, run.forget_class)


def changed(run: RunOutputs, rows: np.ndarray, add: float) -> RunOutputs:
    """Add so much to the unlearned model's logits of the labels of these examples."""
    logits = {model: values.copy() for model, values in run.logits.items()}
    logits["unlearned"][rows, run.labels[rows]] += add
    return RunOutputs(run.labels, run.splits, logits, run.forget_class)


def test_both_are_measures_of_one_model() -> None:
    assert METRICS[WORST].models == METRICS[HARDEST].models == ALL_MODELS


def test_the_worst_class_is_the_highest_of_the_classes() -> None:
    run = planted(SIZES, {"unlearned": {"forget": 0.3}})
    scores = {split: loss(run.examples("unlearned", split)) for split in ("forget", "test")}
    labels = {split: run.examples("unlearned", split).labels for split in scores}
    expected = []
    for c in range(4):
        sides = [scores[split][labels[split] == c] for split in ("forget", "test")]
        truth = np.repeat([1, 0], [len(sides[0]), len(sides[1])])
        expected.append(100 * roc_auc_score(truth, np.concatenate(sides)))
    assert value(WORST, run) == pytest.approx(max(expected), abs=1e-9)


def test_one_class_that_leaks_is_found_though_the_average_hides_it() -> None:
    run = planted({"retain": 10, "forget": 2000, "test": 2000}, {"unlearned": {}}, classes=20)
    leaking = changed(run, np.flatnonzero((run.splits == "forget") & (run.labels == 7)), 9.0)
    assert value("mia_auroc", leaking) < 55
    assert value(WORST, leaking) > 95
    assert value(WORST, run) < 65


def test_a_highest_of_several_lies_above_50_where_nothing_leaks() -> None:
    """This is why to compare it with the oracle's value and not with 50."""
    values = [float(value(WORST, planted(SIZES, {"unlearned": {}}, seed=seed))) for seed in range(60)]
    assert 51 < np.mean(values) < 60


def test_small_classes_are_left_out() -> None:
    forget, test = [1.0] * 10 + [9.0] * 9, [1.0] * 10 + [0.0] * 10
    run = from_margins({"unlearned": {"forget": forget, "test": test}})
    second = np.concatenate([np.arange(10, 19), np.arange(29, 39)])
    run.labels[second] = 1
    run.logits["unlearned"][second] = run.logits["unlearned"][second][:, ::-1]
    assert value(WORST, run) == 50, "the class of nine forgotten images would give 100"
    only_second = taken(run, second)
    assert outcome(WORST, only_second) == "no class has at least 10 forgotten and 10 test images"
    without = taken(run, np.flatnonzero((run.splits == "forget") | (run.labels == 1)))
    assert "no class" in str(outcome(WORST, without)), "ten forgotten images of class 0 and no test image of it"


def test_in_scenario_class_the_forgotten_class_is_the_only_one() -> None:
    run = planted(SIZES, {"unlearned": {"forget": 1.0}})
    labels = np.where(run.splits == "forget", 2, run.labels)
    by_class = RunOutputs(labels, run.splits, run.logits, forget_class=2)
    assert value(WORST, by_class) == pytest.approx(value("mia_auroc", by_class), abs=1e-9)


def test_a_resample_without_images_of_a_class_goes_without_the_class() -> None:
    run = planted({"retain": 4, "forget": 30, "test": 30}, {"unlearned": {}}, classes=2)
    drawn = run.resampled(2)
    forget = drawn.examples("unlearned", "forget")
    assert forget.weights is not None
    forget.weights[0, forget.labels == 0] = 0
    forget.weights[1] = 0
    found = value(WORST, drawn)
    assert np.isnan(found[1]), "no class is left"
    test = drawn.examples("unlearned", "test")
    assert test.weights is not None
    left = [
        np.repeat(np.flatnonzero(run.splits == split), weights[0].astype(int))
        for split, weights in (("forget", forget.weights), ("test", test.weights))
    ]
    assert value(WORST, taken(run, np.concatenate(left))) == pytest.approx(found[0], abs=1e-3)


def hardest_written_out(run: RunOutputs, model: Model) -> float:
    sides = []
    for split in ("forget", "test"):
        by_oracle = -loss(run.examples("oracle", split))
        order = np.argsort(-by_oracle)[: len(by_oracle) // 10]
        sides.append(loss(run.examples(model, split))[order])
    return 100 * float(roc_auc_score(np.repeat([1, 0], [len(sides[0]), len(sides[1])]), np.concatenate(sides)))


def test_the_hardest_tenth_is_chosen_by_the_oracle() -> None:
    run = planted(SIZES, {"unlearned": {"forget": 0.5}, "oracle": {}, "original": {"forget": 2.0}})
    for model in ALL_MODELS:
        assert value(HARDEST, run, model) == pytest.approx(hardest_written_out(run, model), abs=1e-9)


def test_remembered_unusual_images_are_found_though_the_average_hides_them() -> None:
    run = planted({"retain": 10, "forget": 2000, "test": 2000}, {"unlearned": {}, "oracle": {}})
    forget = np.flatnonzero(run.splits == "forget")
    unusual = forget[np.argsort(loss(run.examples("oracle", "forget")))[:200]]
    leaking = changed(run, unusual, 9.0)
    assert value("mia_auroc", leaking) < 57
    assert value(HARDEST, leaking) > 95
    assert value(HARDEST, leaking, "oracle") == value(HARDEST, run, "oracle")


@pytest.mark.parametrize("model", ["oracle", "unlearned"])
def test_choosing_the_hardest_makes_nothing_up(model: Model) -> None:
    """Sets of different sizes give 50 for the model that chooses, and for one that saw as little."""
    values = [
        float(value(HARDEST, planted({"forget": 150, "test": 450}, {"unlearned": {}, "oracle": {}}, seed=seed), model))
        for seed in range(150)
    ]
    assert abs(np.mean(values) - 50) < 4 * np.std(values) / np.sqrt(len(values))


def test_images_that_tie_with_the_last_of_the_hardest_count_too() -> None:
    hard, easy = [0.0], [5.0]
    oracle = {"forget": hard * 30 + easy * 70, "test": hard * 20 + easy * 80}
    unlearned = {"forget": [4.0] * 15 + [2.0] * 15 + [9.0] * 70, "test": [3.0] * 20 + [9.0] * 80}
    assert value(HARDEST, from_margins({"unlearned": unlearned, "oracle": oracle})) == 50
    assert value(HARDEST, from_margins({"unlearned": unlearned, "oracle": oracle}), "oracle") == 50
    flat = {split: [1.0] * 100 for split in ("forget", "test")}
    everyone = from_margins({"unlearned": unlearned, "oracle": flat})
    assert value(HARDEST, everyone) == pytest.approx(value("mia_auroc", everyone), abs=1e-9)


def test_what_is_not_there_is_missing_with_its_reason() -> None:
    run = planted({**SIZES, "forget": 100}, {"unlearned": {}, "oracle": {}})
    assert 0 <= value(HARDEST, run) <= 100
    fewer = taken(run, np.delete(np.arange(len(run.labels)), np.flatnonzero(run.splits == "forget")[0]))
    assert outcome(HARDEST, fewer) == f"a tenth of 99 images is fewer than {LEAST}"
    no_oracle = RunOutputs(run.labels, run.splits, {"unlearned": run.logits["unlearned"]})
    assert outcome(HARDEST, no_oracle) == "the run stores no outputs of 'oracle'"
    for name in (WORST, HARDEST):
        for split in ("forget", "test"):
            without = taken(run, np.flatnonzero(run.splits != split))
            assert outcome(name, without) == f"the run stores no '{split}' outputs"
        broken = taken(run, np.arange(len(run.labels)))
        broken.logits["oracle"][np.flatnonzero(run.splits == "forget")[0]] = np.inf
        assert outcome(name, broken, "oracle") == "some logits are not finite"


def test_in_scenario_class_only_the_classs_own_test_images_are_chosen_from() -> None:
    run = planted({"forget": 150, "test": 600}, {"unlearned": {}, "oracle": {}})
    labels = np.where(run.splits == "forget", 2, run.labels)
    by_class = RunOutputs(labels, run.splits, run.logits, forget_class=2)
    own = taken(by_class, np.flatnonzero((by_class.splits == "forget") | (labels == 2)))
    plain = RunOutputs(own.labels, own.splits, own.logits)
    assert value(HARDEST, by_class) == value(HARDEST, plain)
    assert value(HARDEST, by_class) != value(HARDEST, RunOutputs(labels, run.splits, run.logits))


@given(st.integers(0, 1000), st.permutations(range(4)))
@settings(max_examples=20, deadline=None)
def test_neither_order_nor_names_of_classes_matter(seed: int, order: list[int]) -> None:
    rng = np.random.default_rng(seed)
    run = tied(planted(SIZES, {"unlearned": {"forget": 1.0}, "oracle": {}}, seed=seed))
    for name in (WORST, HARDEST):
        expected = value(name, run)
        assert value(name, taken(run, rng.permutation(len(run.labels)))) == pytest.approx(expected, abs=1e-9)
    fine = planted(SIZES, {"unlearned": {"forget": 1.0}, "oracle": {}}, seed=seed)
    for name in (WORST, HARDEST):
        assert value(name, relabelled(fine, np.array(order))) == pytest.approx(value(name, fine), abs=0.2)


@pytest.mark.parametrize("name", [WORST, HARDEST])
@pytest.mark.parametrize("model", ALL_MODELS)
@pytest.mark.parametrize("ties", [False, True])
def test_resampled_is_the_metric_of_the_resampled_examples(name: str, model: Model, ties: bool) -> None:
    run = planted(SIZES, {"unlearned": {"forget": 1.0}, "oracle": {}, "original": {"forget": 2.0}})
    drawn = (tied(run) if ties else run).resampled(6)
    found = value(name, drawn, model)
    assert isinstance(found, np.ndarray) and found.shape == (6,) and len(np.unique(found)) > 1
    for b in range(6):
        assert value(name, copies(drawn, b), model) == pytest.approx(found[b], abs=1e-3)
