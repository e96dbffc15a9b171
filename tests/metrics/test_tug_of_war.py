"""Tug of War: products worked by hand, what makes it fall, and what it may not hide."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unbench.metrics import METRICS, MissingValue, RunOutputs
from unbench.metrics.tug_of_war import tow, tow_mia

RIGHT, WRONG, UNSURE = [4.0, 0.0], [0.0, 4.0], [1.0, 0.0]


def run_of(unlearned: list[list[float]], oracle: list[list[float]]) -> RunOutputs:
    """Build outputs of four test, four retain and two forget images, all of class 0."""
    splits = np.array(["test"] * 4 + ["retain"] * 4 + ["forget"] * 2)
    logits = {"unlearned": np.array(unlearned, dtype=np.float32), "oracle": np.array(oracle, dtype=np.float32)}
    return RunOutputs(np.zeros(10, dtype=np.int64), splits, {**logits, "oracle_2": logits["oracle"]})


def random_run(seed: int, forget_class: int | None = None) -> RunOutputs:
    rng = np.random.default_rng(seed)
    labels, splits = rng.integers(0, 3, 60), np.repeat(["test", "retain", "forget"], 20)
    logits = {model: rng.normal(size=(60, 3)).astype(np.float32) for model in ("unlearned", "oracle")}
    return RunOutputs(labels, splits, logits, forget_class)


def test_products_by_hand() -> None:
    # Against a perfect oracle: test 3 of 4, retain 2 of 4, forget 1 of 2.
    run = run_of([*[RIGHT] * 3, WRONG, *[RIGHT] * 2, *[WRONG] * 2, RIGHT, WRONG], [RIGHT] * 10)
    assert tow(run, "unlearned") == pytest.approx(0.75 * 0.5 * 0.5)
    # Oracle: all ties, AUROC 1/2. Unlearned: of 2 x 4 pairs the right one wins 1 and ties 3, the wrong one ties 1.
    assert tow_mia(run, "unlearned") == pytest.approx((1 - abs((1 + 3 / 2 + 1 / 2) / 8 - 0.5)) * 0.5 * 0.75)


def test_the_oracle_and_its_equal_score_1() -> None:
    run = run_of([WRONG] * 10, [RIGHT] * 5 + [WRONG] * 5)
    for metric in (tow, tow_mia):
        assert metric(run, "oracle") == 1
        assert metric(run, "oracle_2") == 1, "the noise floor of two equal oracles"


def test_one_measure_as_far_off_as_can_be_gives_0_whatever_the_others() -> None:
    run = run_of([*[RIGHT] * 8, WRONG, WRONG], [RIGHT] * 10)
    assert tow(run, "unlearned") == 0
    run = run_of([*[RIGHT] * 4, *[WRONG] * 4, RIGHT, RIGHT], [RIGHT] * 10)
    assert tow(run, "unlearned") == tow_mia(run, "unlearned") == 0


def test_membership_counts_though_accuracy_is_the_oracles() -> None:
    # A planted memoriser: all answers as the oracle's, but forgotten images with more confidence than unseen ones.
    run = run_of([*[UNSURE] * 8, RIGHT, RIGHT], [UNSURE] * 10)
    assert tow(run, "unlearned") == 1
    assert tow_mia(run, "unlearned") == pytest.approx(0.5), "AUROC 100 against 50"
    # Over-forgetting is as far off as remembering.
    run = run_of([*[RIGHT] * 8, UNSURE, UNSURE], [UNSURE] * 10)
    assert tow_mia(run, "unlearned") == pytest.approx(0.5)


@given(st.integers(0, 2**16), st.permutations(range(3)))
@settings(max_examples=40, deadline=None)
def test_within_0_and_1_and_free_of_order_and_class_names(seed: int, relabel: list[int]) -> None:
    run = random_run(seed)
    mix = np.random.default_rng(seed).permutation(60)
    names = np.array(relabel)
    moved = RunOutputs(
        np.argsort(names)[run.labels[mix]], run.splits[mix], {m: v[mix][:, names] for m, v in run.logits.items()}
    )
    for metric in (tow, tow_mia):
        value = metric(run, "unlearned")
        assert 0 <= value <= 1
        assert metric(moved, "unlearned") == pytest.approx(value, abs=1e-12)


def test_in_scenario_class_only_the_remaining_classes_are_tested() -> None:
    run = random_run(0, forget_class=1)
    values = {m: {k: METRICS[k].function(run, m) for k in ("forget_acc", "retain_acc")} for m in run.logits}
    kept = (run.splits == "test") & (run.labels != 1)
    for model, own in values.items():
        own["test"] = 100 * np.mean(run.logits[model][kept].argmax(axis=1) == run.labels[kept])
    factors = [1 - abs(own - values["oracle"][k]) / 100 for k, own in values["unlearned"].items()]
    assert tow(run, "unlearned") == pytest.approx(np.prod(factors))


def test_resampled_it_is_that_of_the_resampled_examples() -> None:
    run = random_run(1)
    drawn = run.resampled(4)
    for metric in (tow, tow_mia):
        values = metric(drawn, "unlearned")
        assert isinstance(values, np.ndarray) and values.shape == (4,)
        for b in range(4):
            rows = []
            for split in ("test", "retain", "forget"):
                weights = drawn.examples("oracle", split).weights
                assert weights is not None
                rows.append(np.repeat(np.flatnonzero(run.splits == split), weights[b].astype(int)))
            take = np.concatenate(rows)
            copy = RunOutputs(run.labels[take], run.splits[take], {m: v[take] for m, v in run.logits.items()})
            assert metric(copy, "unlearned") == pytest.approx(values[b], abs=1e-5)


@pytest.mark.parametrize("split", ["test", "retain", "forget"])
def test_a_missing_split_is_named(split: str) -> None:
    run = random_run(2)
    keep = run.splits != split
    fewer = RunOutputs(run.labels[keep], run.splits[keep], {m: v[keep] for m, v in run.logits.items()})
    for metric in (tow, tow_mia):
        with pytest.raises(MissingValue, match=split):
            metric(fewer, "unlearned")


def test_without_an_oracle_or_with_broken_outputs_there_is_no_number() -> None:
    run = random_run(3)
    with pytest.raises(MissingValue, match="oracle"):
        tow(RunOutputs(run.labels, run.splits, {"unlearned": run.logits["unlearned"]}), "unlearned")
    broken = {**run.logits, "unlearned": np.full((60, 3), np.nan, dtype=np.float32)}
    for metric in (tow, tow_mia):
        with pytest.raises(MissingValue, match="not"):
            metric(RunOutputs(run.labels, run.splits, broken), "unlearned")
