"""Divergences and distances of predictions: by hand, against scipy, and at probabilities of 0 and 1."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from planted import value
from scipy.spatial.distance import cityblock, euclidean, jensenshannon
from scipy.special import log_softmax, softmax
from scipy.stats import entropy

from unbench.metrics import METRICS, MissingValue, RunOutputs
from unbench.metrics.divergence import Distance, jensen_shannon, kullback_leibler, l1, l2, to_oracle

TO_ORACLE = ("js_forget", "js_test", "kl_forget", "kl_test", "activation_l1_forget", "activation_l2_forget")
HALF, SURE, OPPOSITE = [0.0, 0.0], [2000.0, 0.0], [0.0, 2000.0]


def run_of(unlearned: np.ndarray, oracle: np.ndarray, splits: list[str] | None = None) -> RunOutputs:
    logits = {"unlearned": np.asarray(unlearned, dtype=np.float32), "oracle": np.asarray(oracle, dtype=np.float32)}
    labels = np.arange(len(unlearned)) % len(unlearned[0])
    return RunOutputs(labels, np.array(splits or ["forget"] * len(unlearned)), logits)


def random_run(seed: int, classes: int = 4) -> RunOutputs:
    logits = np.random.default_rng(seed).normal(0, 2, (2, 30, classes))
    return run_of(logits[0], logits[1], ["forget"] * 14 + ["test"] * 16)


def test_by_hand() -> None:
    # Unlearned (3/4, 1/4) against the oracle's (1/4, 3/4); the second image is answered alike.
    run = run_of(np.log([[3, 1], [1, 1]]), np.log([[1, 3], [1, 1]]))
    assert value("kl_forget", run) == pytest.approx(np.log(3) / 2 / 2)
    assert value("js_forget", run) == pytest.approx((0.75 * np.log(1.5) + 0.25 * np.log(0.5)) / 2)
    assert value("activation_l1_forget", run) == pytest.approx((0.5 + 0.5) / 2)
    assert value("activation_l2_forget", run) == pytest.approx(np.sqrt(0.5) / 2)


def test_opposite_answers_reach_the_bounds_without_nan() -> None:
    run = run_of([SURE], [OPPOSITE])
    assert value("js_forget", run) == pytest.approx(np.log(2))
    assert value("activation_l1_forget", run) == 2
    assert value("activation_l2_forget", run) == pytest.approx(np.sqrt(2))
    assert value("kl_forget", run) == pytest.approx(2000), "finite, and as large as the logits say"


def test_kl_puts_the_oracle_first() -> None:
    # p = 0 is no trouble where the oracle has it, and costly where the unlearned model has it.
    assert value("kl_forget", run_of([HALF], [SURE]), "unlearned") == pytest.approx(np.log(2))
    assert value("kl_forget", run_of([SURE], [HALF]), "unlearned") == pytest.approx(1000 - np.log(2), rel=1e-6)


@pytest.mark.parametrize("name", TO_ORACLE)
def test_the_same_answers_are_at_distance_0(name: str) -> None:
    run = random_run(0)
    same = RunOutputs(run.labels, run.splits, dict.fromkeys(("unlearned", "oracle", "oracle_2"), run.logits["oracle"]))
    assert value(name, same) == pytest.approx(0, abs=1e-12)
    assert value(name, same, "oracle_2") == pytest.approx(0, abs=1e-12)
    assert value(name, run) > 0.01


rows = arrays(np.float64, (6, 3), elements=st.floats(-30, 30))


@given(rows, rows)
@settings(max_examples=60, deadline=None)
def test_each_row_is_scipys(first: np.ndarray, second: np.ndarray) -> None:
    log_p, log_q = log_softmax(first, axis=1), log_softmax(second, axis=1)
    p, q = softmax(first, axis=1), softmax(second, axis=1)
    with np.errstate(invalid="ignore"):  # scipy takes the root of what rounding puts below 0
        js = np.nan_to_num(jensenshannon(p, q, axis=1) ** 2)
    np.testing.assert_allclose(jensen_shannon(log_p, log_q), js, atol=1e-12)
    np.testing.assert_allclose(kullback_leibler(log_p, log_q), entropy(p, q, axis=1), atol=1e-9)
    np.testing.assert_allclose(l1(log_p, log_q), [cityblock(a, b) for a, b in zip(p, q, strict=True)], atol=1e-12)
    np.testing.assert_allclose(l2(log_p, log_q), [euclidean(a, b) for a, b in zip(p, q, strict=True)], atol=1e-12)


extreme = arrays(np.float32, (4, 3), elements=st.sampled_from([-3e38, -1e4, -30.0, 0.0, 1.0, 500.0, 3e38]))


@given(extreme, extreme)
@settings(max_examples=60, deadline=None)
def test_probabilities_of_0_and_1_stay_within_the_bounds(first: np.ndarray, second: np.ndarray) -> None:
    run = run_of(first, second, ["forget", "forget", "test", "test"])
    for name in (*TO_ORACLE, "zrf_uniform"):
        low, high = METRICS[name].bounds
        found = value(name, run)
        assert np.isfinite(found)
        assert low <= found <= high
    forward, back = (value("js_forget", run_of(a, b), "unlearned") for a, b in ((first, second), (second, first)))
    assert forward == pytest.approx(back, abs=1e-12), "Jensen-Shannon is symmetric"


@given(st.integers(0, 2**16), st.permutations(range(4)))
@settings(max_examples=40, deadline=None)
def test_neither_order_nor_class_names_matter(seed: int, names: list[int]) -> None:
    run = random_run(seed)
    mix = np.random.default_rng(seed).permutation(30)
    moved = RunOutputs(run.labels[mix], run.splits[mix], {m: v[mix][:, names] for m, v in run.logits.items()})
    for name in (*TO_ORACLE, "zrf_uniform"):
        expected = value(name, run)
        assert value(name, moved) == pytest.approx(expected, abs=1e-12)


def test_each_split_is_its_own() -> None:
    run = run_of([HALF, SURE], [HALF, OPPOSITE], ["forget", "test"])
    assert (value("js_forget", run), value("kl_forget", run)) == (0, 0)
    assert value("js_test", run) == pytest.approx(np.log(2))
    assert value("kl_test", run) == pytest.approx(2000)


def test_in_scenario_class_the_test_set_has_the_remaining_classes_and_the_forget_set_all() -> None:
    logits = {"unlearned": [SURE, HALF, SURE], "oracle": [OPPOSITE, HALF, OPPOSITE]}
    run = RunOutputs(
        np.array([1, 0, 1]),
        np.array(["test", "test", "forget"]),
        {model: np.array(values, dtype=np.float32) for model, values in logits.items()},
        forget_class=1,
    )
    assert value("js_test", run) == value("kl_test", run) == 0
    assert value("js_forget", run) == pytest.approx(np.log(2))


def test_zrf_by_hand() -> None:
    assert value("zrf_uniform", run_of([HALF, [7.0, 7.0]], [SURE, SURE]), "unlearned") == 1, (
        "uniform is as random as can be"
    )
    # JS((1, 0), (1/2, 1/2)): the middle is (3/4, 1/4).
    divergence = 0.5 * np.log(4 / 3) + 0.5 * (0.5 * np.log(2 / 3) + 0.5 * np.log(2))
    run = run_of([SURE, HALF], [HALF, HALF])
    assert value("zrf_uniform", run) == pytest.approx(1 - divergence / 2)
    assert value("zrf_uniform", run, "oracle") == 1, "of each model by itself: no oracle is needed"


def test_zrf_is_scipys_divergence_from_uniform_and_never_below_its_bound() -> None:
    run = random_run(1, classes=200)
    probs = softmax(run.logits["unlearned"][:14].astype(np.float64), axis=1)
    expected = 1 - np.mean(jensenshannon(probs, np.full_like(probs, 1 / 200), axis=1) ** 2)
    assert value("zrf_uniform", run) == pytest.approx(expected, abs=1e-9)
    sure = np.zeros((1, 100_000), dtype=np.float32)
    sure[0, 0] = 3000
    found = value("zrf_uniform", run_of(sure, sure))
    assert 1 - np.log(2) <= found < 1 - np.log(2) + 1e-3, "with many classes the bound is approached"


@pytest.mark.parametrize("name", [*TO_ORACLE, "zrf_uniform"])
def test_resampled_it_is_that_of_the_resampled_examples(name: str) -> None:
    run = random_run(2)
    drawn = run.resampled(5)
    values = value(name, drawn)
    assert isinstance(values, np.ndarray) and values.shape == (5,)
    for b in range(5):
        rows = []
        for split in ("forget", "test"):
            weights = drawn.examples("oracle", split).weights
            assert weights is not None
            rows.append(np.repeat(np.flatnonzero(run.splits == split), weights[b].astype(int)))
        take = np.concatenate(rows)
        copy = RunOutputs(run.labels[take], run.splits[take], {m: v[take] for m, v in run.logits.items()})
        assert value(name, copy) == pytest.approx(values[b], abs=1e-6)


@pytest.mark.parametrize("distance", [jensen_shannon, kullback_leibler, l1, l2])
def test_what_is_not_there_or_not_finite_is_missing(distance: Distance) -> None:
    run = run_of([HALF], [SURE])
    with pytest.raises(MissingValue, match="no 'test' outputs"):
        to_oracle(run, "unlearned", "test", distance)
    with pytest.raises(MissingValue, match="'oracle_2'"):
        to_oracle(run, "oracle_2", "forget", distance)
    for bad in (np.nan, np.inf, -np.inf):
        with pytest.raises(MissingValue, match="finite"):
            to_oracle(run_of([[bad, 0.0]], [SURE]), "unlearned", "forget", distance)
        with pytest.raises(MissingValue, match="finite"):
            to_oracle(run_of([HALF], [[bad, 0.0]]), "unlearned", "forget", distance)
    with pytest.raises(MissingValue, match="number of classes"):
        to_oracle(run_of([HALF], [[1.0, 2.0, 3.0]]), "unlearned", "forget", distance)
    only_forgotten = RunOutputs(np.array([0]), np.array(["test"]), run.logits, forget_class=0)
    with pytest.raises(MissingValue, match="no examples"):
        to_oracle(only_forgotten, "unlearned", "test", distance)
