"""Expected calibration error: by hand, by a loop over bins, and where it must be 0."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from unbench.metrics import METRICS, Examples, MissingValue, RunOutputs
from unbench.metrics.calibration import calibration_error


def of_probabilities(probs: list[list[float]], labels: list[int]) -> Examples:
    return Examples(np.array(labels), np.log(np.array(probs)).astype(np.float32))


def by_loop(labels: np.ndarray, logits: np.ndarray, bins: int = 15) -> float:
    """Apply the definition, one bin after the other."""
    probs = np.exp(logits.astype(np.float64))
    probs /= probs.sum(axis=1, keepdims=True)
    confidence, right = probs.max(axis=1), logits.argmax(axis=1) == labels
    total = 0.0
    for b in range(1, bins + 1):
        inside = (confidence > (b - 1) / bins) & (confidence <= b / bins)
        if inside.any():
            total += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    return 100 * total


def test_by_hand() -> None:
    # 0.95 and 0.97 share the last bin: one right of two, 0.5 against 0.96. 0.55 is alone and right.
    examples = of_probabilities([[0.95, 0.05], [0.97, 0.03], [0.55, 0.45]], [0, 1, 0])
    assert calibration_error(examples) == pytest.approx(100 * (2 / 3 * 0.46 + 1 / 3 * 0.45), abs=1e-4)
    # Within one bin too high and too low cancel; with 100 bins they do not.
    assert calibration_error(examples, bins=100) == pytest.approx(100 * (0.05 + 0.97 + 0.45) / 3, abs=1e-4)


def test_sure_and_right_is_0_sure_and_wrong_is_100() -> None:
    logits = np.tile(np.array([[1000.0, 0.0, -1000.0]], dtype=np.float32), (5, 1))
    assert calibration_error(Examples(np.zeros(5, dtype=np.int64), logits)) == 0
    assert calibration_error(Examples(np.ones(5, dtype=np.int64), logits)) == 100


def test_a_model_that_means_what_it_says_is_near_0_and_one_that_overstates_is_not() -> None:
    rng, n = np.random.default_rng(0), 40_000
    logits = rng.normal(0, 2, (n, 4)).astype(np.float32)
    probs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = (rng.random((n, 1)) > probs.cumsum(axis=1)).sum(axis=1).clip(0, 3)
    # Each bin's error is at most a normal with deviation sqrt(share / 4n); their absolute values add up to this.
    margin = 100 * 2 * 15 * np.sqrt(1 / 15 / (4 * n))
    assert calibration_error(Examples(labels, logits)) < margin
    assert calibration_error(Examples(labels, 3 * logits)) > 5 * margin, "three times too sure"


def test_confidences_on_an_edge_belong_to_the_lower_bin_despite_rounding() -> None:
    # Votes of three neighbours: 2/3 and 0.7 lie in different bins, 2/3 and 0.65 in one.
    two_of_three, above, below = [2 / 3, 1 / 6, 1 / 6], [0.7, 0.15, 0.15], [0.65, 0.175, 0.175]
    apart = of_probabilities([two_of_three, above], [0, 1])
    assert calibration_error(apart) == pytest.approx(100 * (1 / 3 + 0.7) / 2, abs=1e-3)
    together = of_probabilities([two_of_three, below], [0, 1])
    assert calibration_error(together) == pytest.approx(100 * abs(1 - (2 / 3 + 0.65)) / 2, abs=1e-3)


@given(arrays(np.float32, (25, 3), elements=st.floats(-6, 6, width=32)), st.integers(0, 2**16))
@settings(max_examples=60, deadline=None)
def test_is_the_loop_over_bins_and_free_of_order(logits: np.ndarray, seed: int) -> None:
    rng = np.random.default_rng(seed)
    logits = logits + rng.normal(0, 0.3, logits.shape).astype(np.float32)
    confidence = Examples(np.zeros(25, dtype=np.int64), logits).probs.max(axis=1)
    assume(np.abs(15 * confidence - np.rint(15 * confidence)).min() > 1e-4)  # on the edge of a bin rounding decides
    labels, mix = rng.integers(0, 3, 25), rng.permutation(25)
    value = calibration_error(Examples(labels, logits))
    assert 0 <= value <= 100
    assert value == pytest.approx(by_loop(labels, logits), abs=1e-6)
    assert calibration_error(Examples(labels[mix], logits[mix])) == pytest.approx(value, abs=1e-9)
    names = rng.permutation(3)
    assert calibration_error(Examples(np.argsort(names)[labels], logits[:, names])) == pytest.approx(value, abs=1e-9)


def test_resampled_it_is_that_of_the_resampled_examples() -> None:
    rng = np.random.default_rng(0)
    labels, logits = rng.integers(0, 3, 40), rng.normal(size=(40, 3)).astype(np.float32)
    run = RunOutputs(labels, np.array(["test"] * 40), {"unlearned": logits}).resampled(6)
    values = METRICS["test_ece"].function(run, "unlearned")
    weights = run.examples("unlearned", "test").weights
    assert weights is not None and isinstance(values, np.ndarray) and values.shape == (6,)
    for value, counts in zip(values, weights.astype(int), strict=True):
        take = np.repeat(np.arange(40), counts)
        assert calibration_error(Examples(labels[take], logits[take])) == pytest.approx(value, abs=1e-9)


def test_a_resample_without_examples_is_not_a_number() -> None:
    empty_first = np.array([[0, 0], [1, 1]], dtype=np.float32)
    logits = np.array([[0, 0], [0, 0]], dtype=np.float32)
    values = calibration_error(Examples(np.array([0, 0]), logits, empty_first))
    np.testing.assert_array_equal(values, [np.nan, 50])


def test_a_forgotten_class_is_not_tested() -> None:
    labels = np.array([0, 0, 1, 1])
    logits = np.array([[9, -9], [9, -9], [9, -9], [9, -9]], dtype=np.float32)
    run = RunOutputs(labels, np.array(["test"] * 4), {"unlearned": logits}, forget_class=1)
    assert METRICS["test_ece"].function(run, "unlearned") == pytest.approx(0, abs=1e-4), (
        "wrong and sure only on the forgotten class"
    )
    assert METRICS["test_ece"].function(RunOutputs(labels, run.splits, run.logits), "unlearned") == pytest.approx(
        50, abs=1e-4
    )


def test_a_single_example_and_bad_input() -> None:
    one = of_probabilities([[0.75, 0.25]], [0])
    assert calibration_error(one) == pytest.approx(25, abs=1e-4)
    with pytest.raises(MissingValue, match="no examples"):
        calibration_error(one.where(np.array([False])))
    for bad in (np.nan, np.inf, -np.inf):
        with pytest.raises(MissingValue, match="finite"):
            calibration_error(Examples(np.array([0]), np.array([[bad, 0]], dtype=np.float32)))
    run = RunOutputs(np.array([0]), np.array(["forget"]), {"unlearned": np.zeros((1, 2), dtype=np.float32)})
    with pytest.raises(MissingValue, match="test"):
        METRICS["test_ece"].function(run, "unlearned")
