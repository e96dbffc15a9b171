"""Traces of unlearning: odd models are found, retrained ones are not taken for odd."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shadow_fakes import halves, noise, shadows

from unbench.metrics.outputs import MissingValue
from unbench.metrics.shadows import ShadowOutputs
from unbench.metrics.traces import describe, trace_detection_acc


def answering(rng: np.random.Generator, of_half: np.ndarray, sharpness: float = 1.0, classes: int = 5) -> ShadowOutputs:
    """Draw models with 60 test images, more or less certain; `of_half` (M,) is what both models of a half share."""
    models = len(of_half)
    labels = np.arange(60) % classes
    right = np.eye(classes)[labels] * (2 + of_half + rng.normal(0, 0.05, models))[:, None, None]
    logits = sharpness * (right + rng.normal(0, 0.5, (models, 60, classes)))
    made = shadows(noise(rng, models, 3), halves(rng, models, 3), logits.astype(np.float32))
    return replace(made, test_labels=labels)


def test_statistics_by_hand() -> None:
    logits = np.log(np.array([[[0.7, 0.2, 0.1], [0.3, 0.6, 0.1]]], dtype=np.float32))
    made = shadows(np.zeros((1, 1)), np.ones((1, 1), dtype=bool), logits)
    entropies = [-sum(p * np.log(p) for p in row) for row in ((0.7, 0.2, 0.1), (0.3, 0.6, 0.1))]
    own, high, middle = np.log([0.7, 0.3]), np.log([0.7, 0.6]), np.log([0.2, 0.3])
    columns = [own, entropies, high, middle, np.log([0.1, 0.1])]
    expected = [0.5, *map(np.mean, columns), *map(np.std, columns)]
    np.testing.assert_allclose(describe(made)[0], expected, atol=1e-6)


@pytest.mark.parametrize("models", [4, 5, 24])
def test_flatter_models_are_found(models: int) -> None:
    rng = np.random.default_rng(0)
    of_half = rng.normal(0, 0.1, models)
    assert trace_detection_acc(answering(rng, of_half, sharpness=0.5), answering(rng, of_half)) > 90


@pytest.mark.parametrize("common", [0.0, 2.0])
def test_retraining_with_another_seed_is_not_told_from_retraining(common: float) -> None:
    """Two models of one half may be much alike, which would pull a careless cross-validation below 50."""
    rng, values = np.random.default_rng(1), []
    for _ in range(40):
        of_half = common * rng.normal(size=12)
        values.append(trace_detection_acc(answering(rng, of_half), answering(rng, of_half)))
    error = np.std(values) / np.sqrt(len(values))
    assert error < 3, "the test could not see a bias"
    assert abs(np.mean(values) - 50) < 4 * error


def test_copies_cannot_be_told_apart() -> None:
    rng = np.random.default_rng(2)
    oracle = answering(rng, rng.normal(size=9))
    assert trace_detection_acc(oracle, oracle) == 50
    same = replace(oracle, test_logits=np.zeros_like(oracle.test_logits))
    assert trace_detection_acc(same, same) == 50


@given(st.permutations(range(5)))
@settings(max_examples=20, deadline=None)
def test_names_of_classes_and_order_of_images_do_not_matter(order: list[int]) -> None:
    rng = np.random.default_rng(3)
    outputs = answering(rng, rng.normal(size=4))
    renamed = replace(
        outputs, test_labels=np.argsort(order)[outputs.test_labels], test_logits=outputs.test_logits[..., order]
    )
    np.testing.assert_allclose(describe(renamed), describe(outputs), atol=1e-9)
    turned = replace(outputs, test_labels=outputs.test_labels[::-1], test_logits=outputs.test_logits[:, ::-1])
    np.testing.assert_allclose(describe(turned), describe(outputs), atol=1e-9)


def test_two_classes_and_certain_answers_give_a_number() -> None:
    rng = np.random.default_rng(4)
    method, oracle = (answering(rng, rng.normal(size=6), sharpness=1e4, classes=2) for _ in range(2))
    assert 0 <= trace_detection_acc(method, oracle) <= 100


def test_what_cannot_be_computed_is_missing_with_its_reason() -> None:
    rng = np.random.default_rng(5)
    few = answering(rng, np.zeros(3))
    with pytest.raises(MissingValue, match="at least 4"):
        trace_detection_acc(few, few)
    enough = answering(rng, np.zeros(6))
    untested = replace(enough, test_labels=enough.test_labels[:0], test_logits=enough.test_logits[:, :0])
    with pytest.raises(MissingValue, match="test"):
        trace_detection_acc(untested, untested)
    enough.test_logits[0, 0, 0] = np.nan
    with pytest.raises(MissingValue, match="finite"):
        trace_detection_acc(enough, enough)
