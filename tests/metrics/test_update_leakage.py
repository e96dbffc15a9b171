"""An attacker who sees the model before and after unlearning."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from planted import copies, from_margins, outcome, planted, relabelled, taken, value
from scipy.special import log_softmax
from sklearn.metrics import roc_auc_score

from unbench.metrics import METRICS, Model, RunOutputs
from unbench.metrics.update_leakage import AFTER

TEST, RETAIN = "update_leakage_test_auroc", "update_leakage_retain_auroc"
BOTH = [(TEST, "test"), (RETAIN, "retain")]
SIZES = {"retain": 300, "forget": 120, "val": 20, "test": 200}


@pytest.mark.parametrize("name", [TEST, RETAIN])
def test_it_is_asked_of_what_comes_after_the_original(name: str) -> None:
    assert METRICS[name].models == AFTER == ("unlearned", "oracle")


def test_by_hand() -> None:
    before = {"forget": [6.0, 6.0], "test": [2.0, 2.0], "retain": [6.0, 6.0]}
    # Label's log-probability: of two forgotten images one falls far and one not at all.
    after = {"forget": [0.0, 6.0], "test": [2.0, 1.0], "retain": [6.0, 7.0]}
    run = from_margins({"original": before, "unlearned": after})
    # Against test: falls of (5.3 nats, 0) and (0, 0.19): above both; one tie and one below.
    assert value(TEST, run) == 100 * (1 + 1 + 0.5 + 0) / 4
    # Against retain: falls of (0, a gain): above both; a tie and above.
    assert value(RETAIN, run) == 100 * (1 + 1 + 0.5 + 1) / 4


@pytest.mark.parametrize(("name", "reference"), BOTH)
def test_it_is_the_auroc_of_the_fall_of_the_log_probability(name: str, reference: str) -> None:
    run = planted(SIZES, {"original": {"retain": 2.0, "forget": 2.0}, "unlearned": {"retain": 2.0, "forget": 1.0}})
    falls = []
    for split in ("forget", reference):
        rows = np.flatnonzero(run.splits == split)
        before, after = (log_softmax(run.logits[m][rows].astype(float), axis=1) for m in ("original", "unlearned"))
        falls.append((before - after)[np.arange(len(rows)), run.labels[rows]])
    truth = np.repeat([1, 0], [len(falls[0]), len(falls[1])])
    assert value(name, run) == pytest.approx(100 * roc_auc_score(truth, np.concatenate(falls)), abs=0.01)


@pytest.mark.parametrize("name", [TEST, RETAIN])
def test_no_change_gives_nothing_away(name: str) -> None:
    run = planted(SIZES, {"original": {"forget": 3.0, "retain": 3.0}})
    same = RunOutputs(run.labels, run.splits, {**run.logits, "unlearned": run.logits["original"]})
    assert value(name, same) == 50


def test_even_perfect_forgetting_tells_who_was_forgotten() -> None:
    """What the oracle alone never saw is harder for it; the membership attack on the oracle finds nothing."""
    sizes, seen = {"retain": 2000, "forget": 2000, "test": 2000}, {"retain": 4.0, "forget": 4.0}
    run = planted(sizes, {"original": seen, "unlearned": {"retain": 4.0, "forget": 4.0}, "oracle": {"retain": 4.0}})
    margin = 100 * 4 * np.sqrt(4001 / (12 * 2000 * 2000))
    for name in (TEST, RETAIN):
        assert value(name, run, "oracle") > 75
        assert abs(value(name, run) - 50) < margin, "another model that remembers as much gives nothing away"
    assert abs(value("mia_auroc", run, "oracle") - 50) < margin


margins = arrays(np.float32, 12, elements=st.integers(-6, 6).map(float))


@given(margins, margins)
@settings(max_examples=60, deadline=None)
def test_swapping_before_and_after_turns_the_value_round(first: np.ndarray, second: np.ndarray) -> None:
    def split(values: np.ndarray) -> dict[str, list[float]]:
        return {"forget": values[:4].tolist(), "test": values[4:8].tolist(), "retain": values[8:].tolist()}

    run = from_margins({"original": split(first), "unlearned": split(second)})
    turned = from_margins({"original": split(second), "unlearned": split(first)})
    for name in (TEST, RETAIN):
        assert value(name, run) + value(name, turned) == pytest.approx(100, abs=1e-9)


def test_in_scenario_class_unseen_images_are_the_classs_own() -> None:
    run = planted(SIZES, {"original": {"forget": 2.0}, "unlearned": {}})
    labels = np.where(run.splits == "forget", 2, run.labels)
    by_class = RunOutputs(labels, run.splits, run.logits, forget_class=2)
    own = taken(by_class, np.flatnonzero((run.splits == "forget") | (labels == 2)))
    assert value(TEST, by_class) == value(TEST, RunOutputs(own.labels, own.splits, own.logits))
    assert value(TEST, by_class) != value(TEST, RunOutputs(labels, run.splits, run.logits))
    assert outcome(RETAIN, by_class) == (
        "no image of the forgotten class is retained, so the label alone says what was deleted"
    )


@pytest.mark.parametrize(("name", "reference"), BOTH)
def test_what_is_not_there_is_missing_with_its_reason(name: str, reference: str) -> None:
    run = planted(SIZES, {"original": {}, "unlearned": {}})
    for split in ("forget", reference):
        assert outcome(name, taken(run, np.flatnonzero(run.splits != split))) == f"the run stores no '{split}' outputs"
    for model in ("original", "unlearned"):
        left = {each: values for each, values in run.logits.items() if each != model}
        assert outcome(name, RunOutputs(run.labels, run.splits, left)) == f"the run stores no outputs of '{model}'"
    for model in ("original", "unlearned"):
        broken = taken(run, np.arange(len(run.labels)))
        broken.logits[model][np.flatnonzero(run.splits == reference)[0], 1] = -np.inf
        assert outcome(name, broken) == "some logits are not finite"


@pytest.mark.parametrize("name", [TEST, RETAIN])
def test_certainty_and_single_examples_are_defined(name: str) -> None:
    certain = {"forget": [1e4], "test": [-1e4], "retain": [-1e4]}
    lost = {"forget": [-1e4], "test": [-1e4], "retain": [-1e4]}
    assert value(name, from_margins({"original": certain, "unlearned": lost})) == 100
    beyond = {split: [-3e38] for split in certain}
    run = from_margins({"original": beyond, "unlearned": beyond})
    run.logits["original"][:, 1] = run.logits["unlearned"][:, 1] = 3e38  # a loss of 6e38 is infinite in float32
    assert outcome(name, run) == "a score of the attack is not a number"


@given(st.integers(0, 1000), st.permutations(range(4)))
@settings(max_examples=20, deadline=None)
def test_neither_order_nor_names_of_classes_matter(seed: int, order: list[int]) -> None:
    rng = np.random.default_rng(seed)
    run = planted(SIZES, {"original": {"forget": 2.0, "retain": 2.0}, "unlearned": {"retain": 1.0}}, seed=seed)
    for name in (TEST, RETAIN):
        expected = value(name, run)
        assert value(name, taken(run, rng.permutation(len(run.labels)))) == pytest.approx(expected, abs=1e-9)
        assert value(name, relabelled(run, np.array(order))) == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize("name", [TEST, RETAIN])
@pytest.mark.parametrize("model", ["unlearned", "oracle"])
def test_resampled_is_the_metric_of_the_resampled_examples(name: str, model: Model) -> None:
    remembered: dict[Model, dict[str, float]] = {
        "original": {"forget": 1.0},
        "unlearned": {},
        "oracle": {"retain": 1.0},
    }
    drawn = planted(SIZES, remembered).resampled(6)
    found = value(name, drawn, model)
    assert isinstance(found, np.ndarray) and found.shape == (6,) and len(np.unique(found)) > 1
    for b in range(6):
        assert value(name, copies(drawn, b), model) == pytest.approx(found[b], abs=1e-3)
