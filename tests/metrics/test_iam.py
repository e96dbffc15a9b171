"""IAM: against a plain reading of its formula, and on models that forgot nothing, something and all."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import gumbel_r
from shadow_fakes import audited

from unbench.metrics.iam import iam_auroc, iam_completeness, membership, signal
from unbench.metrics.outputs import MissingValue
from unbench.metrics.shadows import References


def plain_membership(audited_r: np.ndarray, fitted: np.ndarray, shadows: np.ndarray, out: np.ndarray) -> np.ndarray:
    """Compute membership image by image and point by point."""
    alphas = np.linspace(0, 1, 100)
    values = []
    for n in range(len(audited_r)):
        total = 0.0
        for j in range(99):
            points = (1 - alphas[j]) * shadows + alphas[j] * fitted
            spread = points[out].std()
            scale = np.sqrt(6) * spread / np.pi
            centre = points[out[:, n], n].mean()
            total += alphas[j + 1] * gumbel_r.cdf(audited_r[n], centre - 0.5772 * scale, scale)
        values.append(total / alphas[1:].sum())
    return np.array(values)


def test_membership_is_that_of_the_formula() -> None:
    rng = np.random.default_rng(0)
    out = rng.random((5, 7)) < 0.6
    out[0] = True
    arguments = rng.normal(size=7), rng.normal(3, 1, 7), rng.normal(size=(5, 7)), out
    np.testing.assert_allclose(membership(*arguments), plain_membership(*arguments), rtol=1e-9)


def test_ends_of_the_signal() -> None:
    np.testing.assert_allclose(signal(np.array([-np.inf, 0.0])), [-np.log(0.01 - np.log(1e-5)), 4.606], atol=1e-3)
    assert (np.diff(signal(np.linspace(-20, 0, 50))) > 0).all()


@given(arrays(np.float64, 6, elements=st.sampled_from([-1e9, -800.0, -3.0, -0.1, -1e-12, 0.0])), st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_membership_is_a_share_whatever_the_probabilities(log_p: np.ndarray, models: int) -> None:
    shadows = np.tile(signal(log_p[::-1]), (models, 1))
    values = membership(signal(log_p), signal(np.zeros(6)), shadows, np.ones((models, 6), dtype=bool))
    assert ((values >= 0) & (values <= 1 + 1e-12)).all()


def test_membership_rises_with_confidence() -> None:
    rng = np.random.default_rng(1)
    shadows = np.tile(rng.normal(0, 1), (3, 9)) + rng.normal(0, 0.1, (3, 9))
    values = membership(np.linspace(-3, 5, 9), np.full(9, 4.6), shadows, np.ones((3, 9), dtype=bool))
    assert (np.diff(values) >= 0).all()
    assert values[0] < 0.01
    assert values[-1] > 0.95


@pytest.mark.parametrize("models", [2, 8])
def test_completeness_follows_what_was_forgotten(models: int) -> None:
    run, references = audited(0, 2.0, models=models)
    of = {model: iam_completeness(run, model, references) for model in ("original", "unlearned", "oracle")}
    assert of["original"] + 5 < of["unlearned"] < of["oracle"] - 5
    assert 0 < of["original"] < of["oracle"] < 100
    over, same = audited(0, -3.0, models=models)
    assert iam_completeness(over, "unlearned", same) > of["oracle"] + 2, "over-forgetting shows"


def test_a_model_that_saw_neither_kind_comes_out_at_50() -> None:
    worlds = [audited(seed, 0.0, models=4, images=100) for seed in range(40)]
    values = np.array([iam_auroc(run, "oracle", references) for run, references in worlds])
    assert abs(values.mean() - 50) < 4 * values.std() / np.sqrt(len(values))
    assert values.std() / np.sqrt(len(values)) < 1, "the test could not see a bias"


def test_a_planted_memory_is_caught() -> None:
    run, references = audited(1, 4.0)
    assert iam_auroc(run, "unlearned", references) > 75
    assert iam_auroc(run, "original", references) > 75
    below, same = audited(1, -4.0)
    assert iam_auroc(below, "unlearned", same) < 30


def test_resampled_values_weigh_the_same_memberships() -> None:
    run, references = audited(2, 1.0, images=40)
    drawn = run.resampled(3)
    weights = drawn.examples("unlearned", "forget").weights
    values = iam_completeness(drawn, "unlearned", references)
    singles = []
    for n in range(40):
        only = replace(drawn, resamples=1)
        picked = np.zeros((1, 40), dtype=np.float32)
        picked[0, n] = 1
        only._weights["forget"] = picked
        singles.append(iam_completeness(only, "unlearned", references)[0])
    np.testing.assert_allclose(values, weights @ np.array(singles) / 40, rtol=1e-5)
    assert iam_auroc(drawn, "unlearned", references).shape == (3,)


def test_models_that_always_agree_give_defined_values() -> None:
    run, references = audited(3, 0.0, images=10)
    flat = References(
        {split: replace(part, logits=np.zeros_like(part.logits)) for split, part in references.splits.items()}
    )
    same = replace(run, logits={model: np.zeros_like(values) for model, values in run.logits.items()})
    assert iam_auroc(same, "unlearned", flat) == 50
    assert 0 <= iam_completeness(same, "unlearned", flat) <= 100


def test_what_cannot_be_computed_is_missing_with_its_reason() -> None:
    run, references = audited(0, 1.0, images=10)
    no_original = replace(run, logits={"unlearned": run.logits["unlearned"]})
    with pytest.raises(MissingValue, match="original"):
        iam_completeness(no_original, "unlearned", references)
    assert 0 <= iam_auroc(no_original, "unlearned", references) <= 100, "which needs no original"
    seen = replace(references.splits["forget"], seen=np.ones((8, 10), dtype=bool))
    with pytest.raises(MissingValue, match="every shadow model"):
        iam_completeness(run, "unlearned", References({**references.splits, "forget": seen}))
    with pytest.raises(MissingValue, match="'test'"):
        iam_auroc(run, "unlearned", References({"forget": references.splits["forget"]}))
