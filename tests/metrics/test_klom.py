"""KLoM: against numpy's histograms and scipy's entropy, and on methods that are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy
from shadow_fakes import halves, noise, shadows

from unbench.metrics.klom import divergences, klom_95, klom_mean
from unbench.metrics.outputs import MissingValue
from unbench.metrics.registry import METRICS


def plain(unlearned: np.ndarray, retrained: np.ndarray) -> float:
    """Compute the divergence of one target."""
    unlearned, retrained = np.clip(unlearned, -100, 100), np.clip(retrained, -100, 100)
    ends = min(unlearned.min(), retrained.min()), max(unlearned.max(), retrained.max())
    p, q = (np.histogram(values, bins=20, range=ends)[0] / len(values) for values in (unlearned, retrained))
    return float(entropy(p, np.where(p > 0, np.maximum(q, 1e-5), q)))


def test_it_is_the_entropy_of_histograms_of_either_side() -> None:
    rng = np.random.default_rng(0)
    forgotten = halves(rng, 14, 30)
    forgotten[:2], forgotten[2:4] = True, False
    method, oracle = (shadows(scale * noise(rng, 14, 30), forgotten) for scale in (30, 20))
    expected = [plain(method.phi[forgotten[:, t], t], oracle.phi[~forgotten[:, t], t]) for t in range(30)]
    np.testing.assert_allclose(divergences(method, oracle), expected, rtol=1e-9)
    assert klom_mean(method, oracle) == pytest.approx(np.mean(expected))
    assert klom_95(method, oracle) == pytest.approx(np.percentile(expected, 95))


def test_known_answers() -> None:
    forgotten = np.array([[True], [True], [False], [False]])
    same, apart = np.array([[1.0], [2], [1], [2]]), np.array([[1.0], [1], [9], [9]])
    assert klom_mean(shadows(same, forgotten), shadows(same, forgotten)) == pytest.approx(0)
    constant = shadows(np.ones((4, 1)), forgotten)
    assert klom_mean(constant, constant) == 0
    # All of the unlearned models are in a bin that the retrained ones leave empty: log of 1 over 1e-5 / (1 + 1e-5).
    most = klom_mean(shadows(apart, forgotten), shadows(apart, forgotten))
    assert most == pytest.approx(np.log((1 + 1e-5) / 1e-5))
    assert most <= METRICS["klom_95"].bounds[1]
    # Half of them: 0.5 log(0.5 / 1) + 0.5 log(0.5 / 1e-5).
    half = klom_mean(shadows(np.array([[1.0], [9], [0], [0]]), forgotten), shadows(apart, forgotten))
    assert half == pytest.approx(0.5 * np.log(0.5) + 0.5 * np.log(0.5 / 1e-5), abs=1e-4)


def test_margins_beyond_100_are_100() -> None:
    rng = np.random.default_rng(1)
    forgotten = halves(rng, 8, 5)
    forgotten[:2], forgotten[2:4] = True, False
    far = shadows(np.where(rng.random((8, 5)) < 0.5, 150.0, 4000.0), forgotten)
    np.testing.assert_array_equal(divergences(far, far), 0)


@pytest.mark.parametrize(
    ("models", "metrics"),
    [(6, [klom_mean]), (32, [klom_mean, klom_95]), (128, [klom_mean, klom_95])],  # of six, the percentile is at its end
)
def test_a_planted_memory_lies_above_retraining_and_a_good_method_does_not(models: int, metrics: list) -> None:
    rng = np.random.default_rng(2)
    forgotten, hardness = halves(rng, models, 200), rng.normal(2, 3, 200)
    oracle, again = (shadows(hardness + rng.normal(size=(models, 200)), forgotten) for _ in range(2))
    none = shadows(again.phi + 5 * forgotten, forgotten)
    for metric in metrics:
        floor = metric(oracle, oracle)
        assert metric(again, oracle) == pytest.approx(floor, rel=0.15)
        assert metric(none, oracle) > metric(again, oracle) + 0.5


def test_the_floor_of_retraining_falls_with_the_number_of_models() -> None:
    rng = np.random.default_rng(3)
    floors = []
    for models in (8, 32, 128):
        forgotten = halves(rng, models, 300)
        oracle = shadows(noise(rng, models, 300), forgotten)
        floors.append(klom_mean(oracle, oracle))
    assert floors[0] > floors[1] > floors[2] > 0
    assert floors[1] == pytest.approx(3.9, abs=0.4), "as the module says"
    assert floors[2] == pytest.approx(0.6, abs=0.1)


@given(st.permutations(range(9)), st.permutations(range(8)))
@settings(max_examples=30, deadline=None)
def test_orders_do_not_matter(targets: list[int], models: list[int]) -> None:
    rng = np.random.default_rng(4)
    forgotten = halves(rng, 8, 9)
    forgotten[:2], forgotten[2:4] = True, False
    first, second = noise(rng, 8, 9), noise(rng, 8, 9)
    plain_values = divergences(shadows(first, forgotten), shadows(second, forgotten))
    turned = forgotten[models][:, targets]
    moved = divergences(shadows(first[models][:, targets], turned), shadows(second[models][:, targets], turned))
    np.testing.assert_allclose(moved, plain_values[targets], atol=1e-12)


def test_what_cannot_be_computed_is_missing_with_its_reason() -> None:
    rng = np.random.default_rng(5)
    few = shadows(noise(rng, 2, 10), halves(rng, 2, 10))
    with pytest.raises(MissingValue, match="2 shadow models"):
        klom_95(few, few)
    method = shadows(noise(rng, 8, 10), halves(rng, 8, 10))
    broken = replace(method, logits=np.full_like(method.logits, np.inf))
    with pytest.raises(MissingValue, match="finite"):
        klom_mean(method, broken)
    one_class = replace(method, logits=method.logits[..., :1])
    with pytest.raises(MissingValue, match="two classes"):
        klom_mean(one_class, method)
