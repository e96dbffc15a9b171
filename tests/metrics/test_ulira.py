"""U-LiRA: a plain reading of it, planted memories, and methods that leave nothing to find."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from shadow_fakes import halves, noise, shadows

from unbench.config.seeds import derive_seed
from unbench.metrics.outputs import MissingValue
from unbench.metrics.ulira import log_likelihood_ratios, ulira_auroc, ulira_balanced_acc, ulira_tpr_at_1pct

METRICS = {ulira_auroc: 50.0, ulira_balanced_acc: 50.0, ulira_tpr_at_1pct: 1.0}


def plain_scores(phi: np.ndarray, forgotten: np.ndarray) -> np.ndarray:
    """Score model by model and target by target."""
    models, targets = phi.shape
    scatter = degrees = 0.0
    for t in range(targets):
        for kind in (True, False):
            values = phi[forgotten[:, t] == kind, t]
            scatter += ((values - values.mean()) ** 2).sum()
            degrees += len(values) - 1
    scores = np.zeros((models, targets))
    for t in range(targets):
        for m in range(models):
            kind = forgotten[m, t]
            own, other = np.flatnonzero(forgotten[:, t] == kind), np.flatnonzero(forgotten[:, t] != kind)
            left_out = {m, other[list(own).index(m) % len(other)]}
            densities = {}
            for group, rows in ((kind, own), (not kind, other)):
                values = np.array([phi[row, t] for row in rows if row not in left_out])
                variance = (32 * scatter / degrees + ((values - values.mean()) ** 2).sum()) / (32 + len(values) - 1)
                deviation = np.sqrt(variance * (1 + 1 / len(values)))
                densities[group] = norm.logpdf(phi[m, t], values.mean(), deviation)
            scores[m, t] = densities[True] - densities[False]
    return scores


def plain_auroc(scores: np.ndarray, forgotten: np.ndarray, models: np.ndarray, targets: np.ndarray) -> float:
    """Compare pair by pair, over different targets; `models` and `targets` say how often each is counted."""
    wins = pairs = 0.0
    many = forgotten.sum(axis=0)
    for m, t in zip(*np.nonzero(forgotten), strict=True):
        for n, u in zip(*np.nonzero(~forgotten), strict=True):
            if t != u:
                count = models[m] * targets[t] / many[t] * models[n] * targets[u] / (len(forgotten) - many[u])
                wins += count * ((scores[m, t] > scores[n, u]) + (scores[m, t] == scores[n, u]) / 2)
                pairs += count
    return 100 * wins / pairs


def simulated(rng: np.random.Generator, models: int, targets: int, memory: float = 0.0):
    forgotten = halves(rng, models, targets)
    outputs = shadows(noise(rng, models, targets) + memory * forgotten, forgotten)
    return outputs, outputs


def small(seed: int = 0):
    rng = np.random.default_rng(seed)
    forgotten = halves(rng, 7, 5)
    forgotten[:2], forgotten[2:4] = True, False
    return shadows(np.round(noise(rng, 7, 5) + forgotten, 1), forgotten)


def test_scores_are_those_of_a_plain_reading() -> None:
    outputs = small()
    scores = log_likelihood_ratios(outputs.phi, outputs.forgotten)
    np.testing.assert_allclose(scores, plain_scores(outputs.phi, outputs.forgotten), atol=1e-6)


def test_numbers_are_those_of_their_definitions() -> None:
    outputs = small()
    forgot, scores = outputs.forgotten, log_likelihood_ratios(outputs.phi, outputs.forgotten)
    expected = plain_auroc(scores, forgot, np.ones(7), np.ones(5))
    assert ulira_auroc(outputs, outputs) == pytest.approx(expected)
    rates = [
        np.mean([(sign * scores[kind[:, t], t] > 0).mean() for t in range(5)])
        for kind, sign in ((forgot, 1), (~forgot, -1))
    ]
    assert ulira_balanced_acc(outputs, outputs) == pytest.approx(50 * sum(rates))
    above = scores > scores[~forgot].max()
    found = np.mean([above[forgot[:, t], t].mean() for t in range(5)])
    assert ulira_tpr_at_1pct(outputs, outputs) == pytest.approx(100 * found), "of few pairs, none may be a false alarm"


def test_resamples_draw_models_and_targets_and_keep_the_scores() -> None:
    outputs = small(1)
    weights = np.random.default_rng(0).multinomial(7, np.full(7, 1 / 7), size=4).astype(np.float32)
    targets = np.random.default_rng(derive_seed("bootstrap", "targets")).multinomial(5, np.full(5, 1 / 5), size=4)
    scores = log_likelihood_ratios(outputs.phi, outputs.forgotten)
    drawn = replace(outputs, weights=weights)
    expected = [plain_auroc(scores, outputs.forgotten, *draw) for draw in zip(weights, targets, strict=True)]
    np.testing.assert_allclose(ulira_auroc(drawn, drawn), expected)
    for metric in METRICS:
        assert metric(drawn, drawn).shape == (4,)


@pytest.mark.parametrize("kind", ["normal", "skewed", "uneven", "opposite halves", "odd number"])
def test_a_method_that_leaves_nothing_comes_out_at_chance(kind: str) -> None:
    """Thirty-two models, a hundred targets, nothing but noise: means over simulations within four standard errors."""
    rng, models, targets, times = np.random.default_rng(0), 32, 100, 100
    values = []
    for _ in range(times):
        count = 31 if kind == "odd number" else models
        forgotten, phi = halves(rng, count, targets), noise(rng, count, targets)
        if kind == "skewed":
            phi = rng.exponential(size=phi.shape) ** 2
        elif kind == "uneven":
            phi *= rng.exponential(size=targets)
        elif kind == "opposite halves":  # what one half makes easy, the other makes hard
            phi[1::2] = 4 - phi[::2] + rng.normal(size=(16, targets))
        outputs = shadows(phi, forgotten)
        values.append([metric(outputs, outputs) for metric in METRICS])
    means, errors = np.mean(values, axis=0), np.std(values, axis=0) / np.sqrt(times)
    assert (errors[:2] < 0.3).all(), "the test could not see a bias"
    assert (np.abs(means - list(METRICS.values())) < 4 * errors).all()


def test_nothing_comes_out_at_chance_with_few_targets_too() -> None:
    """Were scores of one target compared with each other, this would lie near 47."""
    rng, values = np.random.default_rng(1), []
    for _ in range(1500):
        forgotten = halves(rng, 8, 2)
        outputs = shadows(noise(rng, 8, 2), forgotten)
        values.append(ulira_auroc(outputs, outputs))
    error = np.std(values) / np.sqrt(len(values))
    assert error < 0.6, "the test could not see a bias"
    assert abs(np.mean(values) - 50) < 4 * error


@pytest.mark.parametrize("models", [5, 16])
def test_intervals_of_nothing_hold_50(models: int) -> None:
    rng, held = np.random.default_rng(1), 0
    for _ in range(40):
        outputs, _ = simulated(rng, models, 60)
        weights = rng.multinomial(models, np.full(models, 1 / models), size=100).astype(np.float32)
        low, high = np.percentile(ulira_auroc(replace(outputs, weights=weights), outputs), [2.5, 97.5])
        held += low <= 50 <= high
    assert held >= 36  # 38 of 40 are expected of a perfect interval; fewer than 36 of it happen in one of 20 tests


@pytest.mark.parametrize(("models", "least"), [(4, 80), (8, 95), (32, 97)])
def test_a_planted_memory_is_caught(models: int, least: float) -> None:
    outputs = simulated(np.random.default_rng(2), models, 200, memory=4.0)
    assert ulira_auroc(*outputs) > least
    assert ulira_balanced_acc(*outputs) > least - 10


def test_it_knows_each_image_where_an_attack_on_all_of_them_does_not() -> None:
    rng = np.random.default_rng(3)
    forgotten, hardness = halves(rng, 64, 200), rng.normal(0, 10, 200)
    sign = rng.choice([-1, 1], 200)  # some images look more familiar after forgetting, others less
    outputs = shadows(hardness + rng.normal(size=(64, 200)) + 3 * sign * forgotten, forgotten)
    assert ulira_auroc(outputs, outputs) > 95
    assert ulira_tpr_at_1pct(outputs, outputs) > 50


def test_of_known_normals_it_is_the_closed_form() -> None:
    shift = 1.0
    outputs, _ = simulated(np.random.default_rng(4), 256, 100, memory=shift)
    assert ulira_auroc(outputs, outputs) == pytest.approx(100 * norm.cdf(shift / np.sqrt(2)), abs=1.5)
    assert ulira_balanced_acc(outputs, outputs) == pytest.approx(100 * norm.cdf(shift / 2), abs=1.5)


def test_a_difference_in_spread_alone_is_seen() -> None:
    rng = np.random.default_rng(5)
    forgotten = halves(rng, 64, 200)
    outputs = shadows(rng.normal(size=(64, 200)) * np.where(forgotten, 3, 1), forgotten)
    assert ulira_auroc(outputs, outputs) > 60


@given(st.permutations(range(12)), st.floats(-5, 5))
@settings(max_examples=30, deadline=None)
def test_neither_the_order_of_targets_nor_how_hard_they_are_matters(order: list[int], shift: float) -> None:
    rng = np.random.default_rng(6)
    forgotten, phi = halves(rng, 8, 12), noise(rng, 8, 12)
    forgotten[:2], forgotten[2:4] = True, False
    plain = log_likelihood_ratios(phi, forgotten)
    harder = phi + shift * np.arange(12)
    np.testing.assert_allclose(log_likelihood_ratios(harder[:, order], forgotten[:, order]), plain[:, order], atol=1e-5)
    swapped = log_likelihood_ratios(phi, ~forgotten)
    np.testing.assert_allclose(swapped, -plain, atol=1e-5, err_msg="forgotten for never seen changes the sign")


def test_outputs_that_never_vary_cannot_be_told_apart() -> None:
    forgotten = halves(np.random.default_rng(7), 8, 30)
    constant = shadows(np.tile(np.linspace(-3.3, 4.7, 30), (8, 1)), forgotten)
    assert ulira_auroc(constant, constant) == 50
    assert ulira_balanced_acc(constant, constant) == 50
    assert ulira_tpr_at_1pct(constant, constant) == 0, "all tie, and calling all of them members is too many alarms"
    told = shadows(np.where(forgotten, 1.0, 0.0), forgotten)
    usable = (forgotten.sum(axis=0) >= 2) & ((~forgotten).sum(axis=0) >= 2)
    assert usable.any() and ulira_auroc(told, told) == 100


def test_what_cannot_be_computed_is_missing_with_its_reason() -> None:
    rng = np.random.default_rng(8)
    few, _ = simulated(rng, 3, 10)
    one, _ = simulated(rng, 8, 1)
    broken, _ = simulated(rng, 8, 10)
    broken.logits[3, 2, 0] = np.inf
    for outputs, reason in ((few, "two others|2 others"), (broken, "finite")):
        for metric in METRICS:
            with pytest.raises(MissingValue, match=reason):
                metric(outputs, outputs)
    with pytest.raises(MissingValue, match="fewer than two"):
        ulira_auroc(one, one)
    rare = np.zeros((8, 3), dtype=bool)
    rare[:4, 0] = rare[:4, 1] = rare[0, 2] = True
    phi = noise(rng, 8, 3)
    both = ulira_auroc(shadows(phi, rare), one)
    assert both == ulira_auroc(shadows(phi[:, :2], rare[:, :2]), one), "a target that one model forgot is left out"
