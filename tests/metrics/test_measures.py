"""Known answers for every metric, and properties that must hold for any outputs."""

from __future__ import annotations

import numpy as np
import pytest
from fakes import row_columns as evaluate
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import mannwhitneyu

from unbench.metrics import MEASURES, METRICS, Examples, MissingValue, RunOutputs, average_gap
from unbench.metrics.accuracy import accuracy
from unbench.metrics.attacks import cross_entropy
from unbench.metrics.pathways import pathway_sensitivity
from unbench.metrics.separation import roc, separate
from unbench.metrics.weighted import mean


def outputs(forget_class: int | None = None) -> RunOutputs:
    """Build outputs of two classes; by hand: test 2 of 4 right, retain 3 of 4, forget 1 of 2 (unlearned model)."""
    right, wrong = [2.0, 0.0], [0.0, 2.0]  # logits for true class 0
    labels = np.zeros(10, dtype=np.int64)
    splits = np.array(["test"] * 4 + ["retain"] * 4 + ["forget"] * 2)
    unlearned = np.array([right, right, wrong, wrong, right, right, right, wrong, right, wrong], dtype=np.float32)
    perfect = np.tile(np.array(right, dtype=np.float32), (10, 1))
    return RunOutputs(
        labels,
        splits,
        {"unlearned": unlearned, "original": perfect, "oracle": perfect, "oracle_2": unlearned},
        forget_class,
    )


def auroc(members: np.ndarray, others: np.ndarray) -> float:
    return 100 * float(roc(members, others).area())


def test_accuracies_and_gap_by_hand() -> None:
    values, missing = evaluate(outputs())
    assert (values["test_acc"], values["retain_acc"], values["forget_acc"]) == (50, 75, 50)
    assert values["mia_auroc"] == 50
    assert values["oracle_test_acc"] == 100
    # |50-100|, |75-100|, |50-100|, |50-50| over four
    assert values["avg_gap"] == pytest.approx((50 + 25 + 50 + 0) / 4)
    assert values["avg_gap_floor"] == values["avg_gap"], "here the second oracle equals the unlearned model"
    assert missing == {
        "forget_class_test_acc": "no class was forgotten in this scenario",
        "val_acc": "the run stores no 'val' outputs",
        "val_gap": "the run stores no 'val' outputs",
    }


def test_class_scenario_tests_on_the_remaining_classes() -> None:
    labels = np.array([0, 0, 1, 1, 1, 0], dtype=np.int64)
    splits = np.array(["test", "test", "test", "test", "forget", "retain"])
    logits = np.array([[9, 0], [9, 0], [9, 0], [0, 9], [0, 9], [9, 0]], dtype=np.float32)
    run = RunOutputs(labels, splits, {"unlearned": logits}, forget_class=1)
    assert METRICS["test_acc"].function(run, "unlearned") == 100
    assert METRICS["forget_class_test_acc"].function(run, "unlearned") == 50
    # Members (loss ~0) against the class's own test images, one right and one wrong.
    assert METRICS["mia_auroc"].function(run, "unlearned") == 75


def test_cross_entropy_matches_torch_even_where_softmax_underflows() -> None:
    import torch

    logits = np.array([[0, 0, 0], [1000, 0, -1000], [-5, 3, 2]], dtype=np.float32)
    labels = np.array([1, 2, 0])
    expected = torch.nn.functional.cross_entropy(
        torch.tensor(logits, dtype=torch.float64), torch.tensor(labels), reduction="none"
    )
    np.testing.assert_allclose(cross_entropy(Examples(labels, logits)), expected.numpy(), rtol=1e-12)


def test_auroc_known_answers() -> None:
    low, high = np.arange(5.0), np.arange(5.0) + 10
    assert auroc(high, low) == 100
    assert auroc(low, high) == 0, "over-forgetting is not folded to 100"
    assert auroc(np.ones(3), np.ones(4)) == 50
    assert auroc(np.array([1.0]), np.array([0.0])) == 100


def test_auroc_of_shifted_gaussians_matches_the_closed_form() -> None:
    from scipy.stats import norm

    rng, shift, n = np.random.default_rng(0), 0.7, 20_000
    expected = 100 * norm.cdf(shift / np.sqrt(2))
    assert auroc(rng.normal(shift, 1, n), rng.normal(0, 1, n)) == pytest.approx(expected, abs=1.0)


def test_auroc_of_identical_distributions_is_50_within_its_interval() -> None:
    rng, n = np.random.default_rng(1), 5000
    margin = 100 * 4 * np.sqrt((2 * n + 1) / (12 * n * n))  # four standard deviations of the U statistic
    assert abs(auroc(rng.normal(size=n), rng.normal(size=n)) - 50) < margin


scores = arrays(np.float64, st.integers(1, 30), elements=st.integers(-5, 5).map(float))


@given(scores, scores)
@settings(max_examples=60, deadline=None)
def test_auroc_is_the_mann_whitney_statistic_and_flips_with_the_sign(members: np.ndarray, others: np.ndarray) -> None:
    value = auroc(members, others)
    statistic = mannwhitneyu(members, others).statistic
    assert value == pytest.approx(100 * statistic / (len(members) * len(others)), abs=1e-9)
    assert value + auroc(-members, -others) == pytest.approx(100, abs=1e-9)
    assert auroc(np.random.default_rng(0).permutation(members), others) == pytest.approx(value, abs=1e-9)


@given(arrays(np.float32, (12, 3), elements=st.integers(-4, 4).map(float)), st.permutations(range(3)))
@settings(max_examples=40, deadline=None)
def test_measures_do_not_depend_on_the_names_of_classes(logits: np.ndarray, relabel: list[int]) -> None:
    logits = logits + np.linspace(0, 0.5, 3, dtype=np.float32)  # break ties, which argmax decides by class number
    labels = np.arange(12) % 3
    splits = np.array(["test", "retain", "forget"] * 4)
    order = np.array(relabel)
    plain = RunOutputs(labels, splits, {"unlearned": logits})
    renamed = RunOutputs(np.argsort(order)[labels], splits, {"unlearned": logits[:, order]})
    for name in MEASURES:
        assert METRICS[name].function(plain, "unlearned") == pytest.approx(METRICS[name].function(renamed, "unlearned"))


def test_average_gap_refuses_to_average_over_fewer_measures() -> None:
    full = dict.fromkeys(MEASURES, 50.0)
    assert average_gap({**full, "mia_auroc": 46.0}, full) == 1.0
    assert average_gap(full, full) == 0
    for name in MEASURES:
        partial = {k: v for k, v in full.items() if k != name}
        with pytest.raises(MissingValue, match=name):
            average_gap(partial, full)


def test_what_cannot_be_computed_is_missing_with_its_reason() -> None:
    run = outputs()
    without_oracle = RunOutputs(run.labels, run.splits, {"unlearned": run.logits["unlearned"]})
    values, missing = evaluate(without_oracle)
    assert "avg_gap" not in values
    assert "oracle" in missing["avg_gap"]
    no_forget = RunOutputs(run.labels[:8], run.splits[:8], {k: v[:8] for k, v in run.logits.items()})
    assert "forget" in evaluate(no_forget)[1]["mia_auroc"]
    broken = {k: np.where(np.arange(20).reshape(10, 2) == 1, np.nan, v) for k, v in run.logits.items()}
    values, missing = evaluate(RunOutputs(run.labels, run.splits, broken))
    assert "test_acc" in missing
    assert not any(np.isnan(list(values.values())))


def test_accuracy_of_nothing_is_missing() -> None:
    with pytest.raises(MissingValue):
        accuracy(Examples(np.zeros(0, dtype=np.int64), np.zeros((0, 3), dtype=np.float32)))


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_says_what_it_is_and_stays_in_its_range(name: str) -> None:
    metric = METRICS[name]
    assert all((metric.title, metric.definition, metric.formula, metric.unit, metric.ideal, metric.source))
    if metric.needs != "outputs":
        return  # tested where what they need is made
    try:
        value = metric.function(outputs(), "unlearned")
    except MissingValue:
        return
    assert metric.bounds[0] <= value <= metric.bounds[1]


def test_pathway_sensitivity_is_image_minus_memory_in_points() -> None:
    right, wrong = [2.0, 0.0], [0.0, 2.0]
    labels, splits = np.zeros(8, dtype=np.int64), np.array(["val"] * 4 + ["forget"] * 4)
    image = np.array([right, right, right, *[wrong] * 5], dtype=np.float32)
    memory = np.array([right, wrong, wrong, wrong, right, right, wrong, wrong], dtype=np.float32)
    run = RunOutputs(labels, splits, {"unlearned": image, "unlearned_image": image, "unlearned_memory": memory})
    assert pathway_sensitivity(run, "unlearned", "val") == 50
    assert pathway_sensitivity(run, "unlearned", "forget") == -50
    with pytest.raises(MissingValue, match="oracle_image"):
        pathway_sensitivity(run, "oracle", "val")
    values, missing = evaluate(run)
    assert values["pathway_sensitivity_val"] == 50
    assert values["image_forget_acc"] == 0
    assert "image_test_acc" in missing
    assert not any(name.startswith("oracle_image") for name in missing), "what does not apply is not missing"


def test_a_resampled_metric_is_the_metric_of_the_resampled_examples() -> None:
    rng = np.random.default_rng(0)
    labels, splits = rng.integers(0, 3, 60), np.repeat(["test", "retain", "forget"], 20)
    logits = {
        "unlearned": rng.integers(-2, 3, (60, 3)).astype(np.float32),
        "oracle": rng.normal(size=(60, 3)).astype(np.float32),
    }
    run = RunOutputs(labels, splits, logits)
    drawn = run.resampled(5)
    values = METRICS["avg_gap"].function(drawn, "unlearned")
    for b in range(5):
        rows = []
        for split in ("test", "retain", "forget"):
            weights = drawn.examples("oracle", split).weights
            assert weights is not None and weights[b].sum() == 20
            rows.append(np.repeat(np.flatnonzero(splits == split), weights[b].astype(int)))
        take = np.concatenate(rows)
        copied = RunOutputs(labels[take], splits[take], {model: values[take] for model, values in logits.items()})
        assert METRICS["avg_gap"].function(copied, "unlearned") == pytest.approx(values[b], abs=1e-3)


def test_rates_of_false_alarms_are_kept() -> None:
    members, others = np.array([5.0, 4.0, 3.0, 0.0]), np.array([4.0, 1.0, 1.0, -1.0])
    found = separate(members, others, rates=(0.0, 0.25)).tpr
    assert found[0.0] == 0.25, "4 is shared: calling it a member calls another one too"
    assert found[0.25] == 0.75
    curve = roc(members, others)
    assert curve.tpr[curve.fpr == 0].max() == 0.25
    assert curve.tpr[curve.fpr <= 0.25].max() == 0.75
    assert curve.tpr[-1] == curve.fpr[-1] == 1.0


@given(arrays(np.float64, 7, elements=st.floats(0, 100)))
def test_the_mean_of_a_resample_stays_within_the_values(values: np.ndarray) -> None:
    weights = np.random.default_rng(0).multinomial(7, np.full(7, 1 / 7), size=50).astype(np.float32)

    means = mean(values, weights)

    assert np.all((values.min() <= means) & (means <= values.max()))
