"""AUROC, TPR at a low false-positive rate and thresholds, against the whole ROC and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import norm
from sklearn.metrics import roc_auc_score, roc_curve

from unbench.metrics import MissingValue
from unbench.metrics.separation import best_threshold, highest, roc, separate

values = st.one_of(st.integers(-4, 4).map(float), st.sampled_from([-np.inf, np.inf]))
scores = arrays(np.float32, st.integers(1, 25), elements=values)
RATES = (0.0, 0.1, 0.25, 0.5)


@given(scores, scores)
@settings(max_examples=60, deadline=None)
def test_it_says_what_the_whole_curve_says(members: np.ndarray, others: np.ndarray) -> None:
    curve, result = roc(members, others), separate(members, others, rates=RATES)
    assert result.auroc == pytest.approx(curve.area(), abs=1e-12)
    assert result.others == len(others)
    for rate in RATES:
        assert result.tpr[rate] == pytest.approx(curve.tpr[curve.fpr <= rate + 1e-12].max(), abs=1e-12)


@given(scores, scores, st.integers(0, 10))
@settings(max_examples=60, deadline=None)
def test_weights_are_copies(members: np.ndarray, others: np.ndarray, seed: int) -> None:
    rng = np.random.default_rng(seed)
    first, second = rng.integers(0, 3, (4, len(members))), rng.integers(0, 3, (4, len(others)))
    result = separate(members, others, first.astype(np.float32), second.astype(np.float32), RATES)
    assert isinstance(result.auroc, np.ndarray) and result.auroc.shape == (4,)
    for b in range(4):
        drawn = np.repeat(members, first[b]), np.repeat(others, second[b])
        if len(drawn[0]) == 0 or len(drawn[1]) == 0:
            assert np.isnan(result.auroc[b])
            assert all(np.isnan(result.tpr[rate][b]) for rate in RATES)
            continue
        expected = separate(*drawn, rates=RATES)
        assert result.auroc[b] == pytest.approx(expected.auroc, abs=1e-5)
        for rate in RATES:
            assert result.tpr[rate][b] == pytest.approx(expected.tpr[rate], abs=1e-6)


def test_scikit_learn_agrees() -> None:
    rng = np.random.default_rng(0)
    members, others = rng.normal(0.5, 1, 900).round(1), rng.normal(size=1100).round(1)
    truth, both = np.repeat([1, 0], [900, 1100]), np.concatenate([members, others])
    fpr, tpr, _ = roc_curve(truth, both, drop_intermediate=False)
    result = separate(members, others, rates=(0.01, 0.1))
    assert result.auroc == pytest.approx(roc_auc_score(truth, both), abs=1e-12)
    for rate in (0.01, 0.1):
        assert result.tpr[rate] == pytest.approx(tpr[fpr <= rate].max(), abs=1e-12)


def test_shifted_gaussians_match_the_closed_form() -> None:
    rng, shift, n = np.random.default_rng(1), 1.5, 40_000
    result = separate(rng.normal(shift, 1, n), rng.normal(0, 1, n), rates=(0.01, 0.001))
    assert result.auroc == pytest.approx(norm.cdf(shift / np.sqrt(2)), abs=0.01)
    for rate in (0.01, 0.001):
        # Five standard deviations: of the members found, and of the quantile that the others give.
        at, density = norm.isf(rate), norm.pdf(norm.isf(rate))
        quantile = np.sqrt(rate / n) / density * norm.pdf(at - shift)
        expected = norm.sf(at - shift)
        assert abs(result.tpr[rate] - expected) < 5 * np.hypot(quantile, np.sqrt(expected * (1 - expected) / n))


def test_what_it_cannot_separate_is_missing() -> None:
    one, none = np.array([1.0]), np.zeros(0)
    for sides in ((one, none), (none, one)):
        with pytest.raises(MissingValue, match="both kinds"):
            separate(*sides)
    for sides in ((one, np.array([np.nan])), (np.array([np.nan, 1.0]), one)):
        with pytest.raises(MissingValue, match="not a number"):
            separate(*sides)


@given(arrays(np.float64, st.integers(1, 150), elements=st.integers(-3, 3).map(float)), st.integers(0, 20))
@settings(max_examples=60, deadline=None)
def test_the_highest_of_a_resample(scores: np.ndarray, seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights = rng.integers(0, 3, (3, len(scores)))
    count = rng.integers(1, 6, 3)
    for b, found in enumerate(highest(scores, weights, count)):
        drawn = np.sort(np.repeat(scores, weights[b]))[::-1]
        assert found == (drawn[count[b] - 1] if len(drawn) >= count[b] else -np.inf)


def test_the_highest_is_found_however_thin_the_top_of_a_resample_is() -> None:
    weights = np.zeros((2, 1000))
    weights[0, :10], weights[1, -10:] = 1, 1
    np.testing.assert_array_equal(highest(np.arange(1000.0), weights, np.array([3, 3])), [7, 997])


below_infinity = scores.map(lambda values: np.minimum(values, 5))


@given(below_infinity, below_infinity)
@settings(max_examples=60, deadline=None)
def test_no_threshold_is_better_than_the_best(members: np.ndarray, others: np.ndarray) -> None:
    def gain(threshold: float) -> float:
        return float((members >= threshold).mean() - (others >= threshold).mean())

    best = best_threshold(members, others)
    everywhere = [*np.unique(np.concatenate([members, others])).tolist(), np.inf]
    assert gain(best) == pytest.approx(max(map(gain, everywhere)), abs=1e-12)


def test_where_nothing_separates_nobody_is_called_a_member() -> None:
    assert best_threshold(np.ones(3), np.ones(5)) == np.inf
    assert best_threshold(np.zeros(3), np.ones(5)) == np.inf, "never turned round"
    assert best_threshold(np.array([1.0, 2.0, 3.0]), np.array([1.0, 0.0])) == 2.0
