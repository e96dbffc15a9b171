"""The four scores, and AUROC, balanced accuracy and TPR of the attacks that use them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from planted import copies, from_margins, outcome, planted, relabelled, taken, value
from scipy.stats import entropy as scipy_entropy
from scipy.stats import rankdata
from sklearn.metrics import roc_auc_score

from unbench.metrics import METRICS, Examples, MissingValue, RunOutputs, membership
from unbench.metrics.attacks import SCORES, cross_entropy, modified_prediction_entropy, prediction_entropy

AUROC = {"loss": "mia_auroc", **{score: f"mia_{score}_auroc" for score in SCORES if score != "loss"}}
BALANCED = {score: f"mia_{score}_balanced_acc" for score in SCORES}
TPR = {score: (f"mia_{score}_tpr_at_1pct", f"mia_{score}_tpr_at_0_1pct") for score in SCORES}
ALL = [*AUROC.values(), *BALANCED.values(), *(name for pair in TPR.values() for name in pair)]
SIZES = {"retain": 400, "forget": 150, "val": 200, "test": 250}


def examples(probs: list[list[float]], labels: list[int]) -> Examples:
    return Examples(np.array(labels), np.log(np.array(probs)).astype(np.float32))


def test_modified_entropy_by_hand() -> None:
    shown = examples([[0.7, 0.2, 0.1], [0.7, 0.2, 0.1], [0.25, 0.25, 0.5]], [0, 1, 2])
    expected = [
        -(0.3 * np.log(0.7) + 0.2 * np.log(0.8) + 0.1 * np.log(0.9)),
        -(0.8 * np.log(0.2) + 0.7 * np.log(0.3) + 0.1 * np.log(0.9)),
        -(0.5 * np.log(0.5) + 2 * 0.25 * np.log(0.75)),
    ]
    np.testing.assert_allclose(modified_prediction_entropy(shown), expected, rtol=1e-6)


@given(arrays(np.float64, 20, elements=st.floats(-30, 30)))
@settings(max_examples=60, deadline=None)
def test_modified_entropy_of_two_classes_has_a_closed_form(margins: np.ndarray) -> None:
    margins = margins.astype(np.float32).astype(np.float64)
    logits = np.stack([margins, np.zeros(20)], axis=1).astype(np.float32)
    log_p = -np.logaddexp(0, -margins)
    expected = -2 * -np.expm1(log_p) * log_p  # 1 - p of the other class is p of the label
    found = modified_prediction_entropy(Examples(np.zeros(20, dtype=np.int64), logits))
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-14)


@given(arrays(np.float32, (6, 5), elements=st.floats(-8, 8, width=32)), st.integers(0, 4))
@settings(max_examples=60, deadline=None)
def test_entropies_follow_their_formulas(logits: np.ndarray, label: int) -> None:
    shown = Examples(np.full(6, label), logits)
    p = np.exp(logits.astype(np.longdouble))
    p /= p.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(prediction_entropy(shown), scipy_entropy(p.astype(float), axis=1), rtol=1e-9, atol=1e-12)
    others = np.delete(p, label, axis=1)
    expected = -(1 - p[:, label]) * np.log(p[:, label]) - (others * np.log(1 - others)).sum(axis=1)
    np.testing.assert_allclose(modified_prediction_entropy(shown), expected.astype(float), rtol=1e-9, atol=1e-12)


def test_certainty_gives_finite_numbers() -> None:
    """Softmax rounds to exactly 0 and 1 here."""
    logits = np.array([[800, 0, 0], [0, 800, 0], [1e30, -1e30, 0], [0, 0, 0]], dtype=np.float32)
    shown = Examples(np.zeros(4, dtype=np.int64), logits)
    with np.errstate(all="raise", under="ignore"):
        modified = modified_prediction_entropy(shown)
        plain = prediction_entropy(shown)
    # Wrong and certain: (1 - 0) * 800 for the label, 1 * -log(e^-800 + e^-800) for the other class.
    expected = [0, 800 + 800 - np.log(2), 0, -(2 / 3) * np.log(1 / 3) - (2 / 3) * np.log(2 / 3)]
    np.testing.assert_allclose(modified, expected, rtol=1e-12, atol=1e-300)
    np.testing.assert_allclose(plain, [0, 0, 0, np.log(3)], atol=1e-300)


@given(arrays(np.float32, (8, 3), elements=st.sampled_from([-3e38, -1e4, -1.0, 0.0, 1.0, 700.0, 1e4, 3e38])))
@settings(max_examples=60, deadline=None)
def test_no_score_is_ever_not_a_number(logits: np.ndarray) -> None:
    shown = Examples(np.arange(8) % 3, logits)
    for score in SCORES.values():
        found = score(shown)
        assert found.dtype == np.float32 and found.shape == (8,)
        assert not np.isnan(found).any()


def test_a_single_class_is_never_uncertain() -> None:
    shown = Examples(np.zeros(2, dtype=np.int64), np.array([[3.0], [-3.0]], dtype=np.float32))
    for score in SCORES.values():
        np.testing.assert_array_equal(score(shown), [0, 0])


@pytest.mark.parametrize("score", SCORES)
def test_a_score_is_higher_the_surer_the_model_is_of_the_label(score: str) -> None:
    margins = np.linspace(0, 12, 30)
    logits = np.stack([margins, np.zeros(30), np.zeros(30)], axis=1).astype(np.float32)
    assert (np.diff(SCORES[score](Examples(np.zeros(30, dtype=np.int64), logits))) > 0).all()


def test_only_loss_and_modified_entropy_know_the_label() -> None:
    logits = np.array([[9.0, 0, 0], [9.0, 0, 0]], dtype=np.float32)
    shown = Examples(np.array([0, 1]), logits)
    for name, score in SCORES.items():
        right, wrong = score(shown)
        assert (right > wrong) == (name in ("loss", "modified_entropy"))
        assert right >= wrong


def test_confidence_ranks_as_the_highest_probability_and_the_labels_probability_as_the_loss() -> None:
    rng = np.random.default_rng(0)
    shown = Examples(rng.integers(0, 5, 200), rng.normal(size=(200, 5)).astype(np.float32))
    highest = shown.probs.max(axis=1).astype(np.float32)
    own = shown.probs[np.arange(200), shown.labels]
    np.testing.assert_array_equal(rankdata(SCORES["confidence"](shown)), rankdata(highest))
    np.testing.assert_array_equal(rankdata(SCORES["loss"](shown)), rankdata(own))
    sure = Examples(np.zeros(2, dtype=np.int64), np.array([[20.0, 0], [25.0, 0]], dtype=np.float32))
    assert np.diff(SCORES["confidence"](sure)) > 0, "though both probabilities are 1 in float32"


def test_every_attack_has_its_four_metrics_each_with_a_record_of_its_own() -> None:
    assert set(ALL) <= METRICS.keys() and len(set(ALL)) == 16
    for what in ("title", "definition", "formula"):
        assert len({getattr(METRICS[name], what) for name in ALL}) == 16
    assert [METRICS[name].ideal for name in TPR["loss"]] == [
        "equal to the oracle, near 1",
        "equal to the oracle, near 0.1",
    ]


@pytest.mark.parametrize("score", SCORES)
def test_a_memoriser_is_caught_and_a_model_that_never_saw_the_images_is_not(score: str) -> None:
    sizes = {"retain": 4000, "forget": 2000, "val": 2000, "test": 2000}
    seen: dict[str, float] = {"retain": 4.0, "forget": 4.0}
    run = planted(sizes, {"unlearned": seen, "oracle": {"retain": 4.0}})
    margin = 100 * 4 * np.sqrt((2000 + 2000 + 1) / (12 * 2000 * 2000))  # four standard deviations of the U statistic
    assert value(AUROC[score], run) > 75
    assert abs(value(AUROC[score], run, "oracle") - 50) < margin
    assert value(BALANCED[score], run) > 70
    assert abs(value(BALANCED[score], run, "oracle") - 50) < 50 * 4 * np.sqrt(2 * 0.25 / 2000)
    assert value(TPR[score][0], run) > 4
    assert value(TPR[score][0], run, "oracle") < 3


@pytest.mark.parametrize("score", SCORES)
def test_auroc_is_scikit_learns(score: str) -> None:
    run = planted(SIZES, {"unlearned": {"forget": 0.5}})
    sides = [SCORES[score](run.examples("unlearned", split)) for split in ("forget", "test")]
    expected = 100 * roc_auc_score(np.repeat([1, 0], [150, 250]), np.concatenate(sides))
    assert value(AUROC[score], run) == pytest.approx(expected, abs=1e-9)


def test_separated_is_100_swapped_is_0_and_equal_is_50() -> None:
    apart = {"retain": [9.0] * 3, "val": [1.0] * 3, "forget": [8.0, 9.0], "test": [1.0, 2.0]}
    swapped = {**apart, "forget": apart["test"], "test": apart["forget"]}
    alike = {**apart, "test": apart["forget"]}
    for score in SCORES:
        for margins, expected in ((apart, 100), (swapped, 0), (alike, 50)):
            assert value(AUROC[score], from_margins({"unlearned": margins})) == expected
        # Retain and val put the threshold at 9, which one of the two forgotten images reaches.
        assert value(BALANCED[score], from_margins({"unlearned": apart})) == 75
        assert value(BALANCED[score], from_margins({"unlearned": alike})) == 50


def test_balanced_accuracy_by_hand() -> None:
    margins = {
        "retain": [3.0, 4.0, 5.0, 1.0],  # best threshold against val: 3, three of four against none
        "val": [0.0, 1.0, 2.0, 2.5],
        "forget": [5.0, 3.0, 2.0, 0.0],  # two of four at least 3
        "test": [3.0, 1.0, 0.0, -1.0],  # three of four below
    }
    run = from_margins({"unlearned": margins})
    assert value("mia_loss_balanced_acc", run) == 50 * (2 / 4 + 3 / 4)
    assert value("mia_modified_entropy_balanced_acc", run) == 50 * (2 / 4 + 3 / 4)
    worse = from_margins({"unlearned": {**margins, "val": [3.5, 4.5, 4.6, 4.7]}})  # best threshold: 5
    assert value("mia_loss_balanced_acc", worse) == 50 * (1 / 4 + 4 / 4)
    nothing = from_margins({"unlearned": {**margins, "val": [6.0] * 4}})  # no threshold separates: nobody is a member
    assert value("mia_loss_balanced_acc", nothing) == 50


def test_a_threshold_chosen_elsewhere_is_not_optimistic() -> None:
    sizes = {"retain": 60, "forget": 30, "val": 60, "test": 30}
    fair, fitted = [], []
    for seed in range(150):
        run = planted(sizes, {"unlearned": {}}, seed=seed)
        fair.append(float(value("mia_loss_balanced_acc", run)))
        forget, test = (SCORES["loss"](run.examples("unlearned", split)) for split in ("forget", "test"))
        fitted.append(50 * max((forget >= t).mean() + (test < t).mean() for t in forget))
    error = np.std(fair) / np.sqrt(len(fair))
    assert abs(np.mean(fair) - 50) < 4 * error
    assert np.mean(fitted) > 55, "chosen on the evaluated images it finds what is not there"


def test_in_scenario_class_the_threshold_comes_from_the_remaining_classes() -> None:
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 0], dtype=np.int64)
    splits = np.array(["retain"] * 2 + ["val"] * 5 + ["forget"] + ["test"] * 3)
    margins = np.array([4, 5, 1, 2, 4.5, 4.5, 4.5, 4.7, 9, 1, 9], dtype=np.float32)
    logits = np.zeros((11, 2), dtype=np.float32)
    logits[np.arange(11), labels] = margins
    by_class = RunOutputs(labels, splits, {"unlearned": logits}, forget_class=1)
    # Threshold 4, which the forgotten image reaches, and of the class's own test images one of two.
    assert value("mia_loss_balanced_acc", by_class) == 50 * (1 + 1 / 2)
    # With the forgotten class's val images it would be 5, with all test images one of three below.
    assert value("mia_loss_balanced_acc", RunOutputs(labels, splits, {"unlearned": logits})) == 50 * (0 + 1 / 3)


def test_tpr_by_hand() -> None:
    test = [9.0, *np.linspace(0, 5, 99)]  # one of a hundred may be called a member: all above 5 are found
    run = from_margins({"unlearned": {"forget": [10.0, 8.0, 6.0, 5.0, 4.0], "test": test}})
    for score in SCORES:
        assert value(TPR[score][0], run) == 60
    many = from_margins({"unlearned": {"forget": [10.0, 8.0, 6.0, 5.0, 4.0], "test": test * 10}})
    assert value("mia_loss_tpr_at_0_1pct", many) == 20, "the 9 is there ten times, only one may be called a member"


@pytest.mark.parametrize("score", SCORES)
def test_tpr_is_missing_where_not_one_false_alarm_is_allowed(score: str) -> None:
    at_1, at_01 = TPR[score]
    margins = {"forget": [5.0, 1.0], "test": [0.0] * 99}
    assert outcome(at_1, from_margins({"unlearned": margins})) == (
        "1 false positive in 100 needs 100 images never seen; there are 99"
    )
    margins["test"].append(0.0)
    assert outcome(at_1, from_margins({"unlearned": margins})) == 100
    assert outcome(at_01, from_margins({"unlearned": margins})) == (
        "1 false positive in 1000 needs 1000 images never seen; there are 100"
    )
    # In scenario class only the class's own test images count.
    by_class = from_margins({"unlearned": {**margins, "test": [0.0] * 150}}, forget_class=0)
    by_class.labels[-60:] = 1
    assert "there are 90" in str(outcome(at_1, by_class))


@given(st.integers(0, 1000), st.permutations(range(4)))
@settings(max_examples=20, deadline=None)
def test_neither_order_nor_names_of_classes_matter(seed: int, order: list[int]) -> None:
    rng = np.random.default_rng(seed)
    run = planted(SIZES, {"unlearned": {"forget": 1.0, "retain": 1.0}}, seed=seed)
    coarse = RunOutputs(run.labels, run.splits, {"unlearned": np.round(run.logits["unlearned"])})
    shuffled = taken(coarse, rng.permutation(len(coarse.labels)))
    renamed = relabelled(coarse, np.array(order))
    for name in ALL:
        assert outcome(name, shuffled) == pytest.approx(outcome(name, coarse), abs=1e-9)
    # Sums over classes change in their last digits, which float32 hides but at its own borders.
    for name in AUROC.values():
        assert value(name, renamed) == pytest.approx(value(name, coarse), abs=0.05)
    for name in BALANCED.values():
        assert value(name, renamed) == pytest.approx(value(name, coarse), abs=1.0)


@pytest.mark.parametrize("name", ALL)
def test_resampled_is_the_metric_of_the_resampled_examples(name: str) -> None:
    run = planted({**SIZES, "test": 1200}, {"unlearned": {"forget": 1.0, "retain": 1.0}})
    coarse = RunOutputs(run.labels, run.splits, {"unlearned": np.round(run.logits["unlearned"])})
    drawn = coarse.resampled(6)
    found = value(name, drawn)
    assert isinstance(found, np.ndarray) and found.shape == (6,) and len(np.unique(found)) > 1
    for b in range(6):
        # The threshold of balanced accuracy stays that of retain and val as they are.
        assert value(name, copies(drawn, b, ("forget", "test"))) == pytest.approx(found[b], abs=1e-3)


@pytest.mark.parametrize("name", ALL)
def test_what_is_not_there_is_missing_with_its_reason(name: str) -> None:
    run = planted({**SIZES, "test": 1000}, {"unlearned": {}})
    needed = {"forget", "test", *(("retain", "val") if "balanced" in name else ())}
    for split in SIZES:
        without = taken(run, np.flatnonzero(run.splits != split))
        found = outcome(name, without)
        assert found == (f"the run stores no '{split}' outputs" if split in needed else value(name, run))
    with pytest.raises(MissingValue, match="oracle"):
        value(name, run, "oracle")
    for bad in (np.nan, np.inf, -np.inf):
        broken = taken(run, np.arange(len(run.labels)))
        broken.logits["unlearned"][np.flatnonzero(run.splits == "forget")[0], 0] = bad
        assert outcome(name, broken) == "some logits are not finite"


@pytest.mark.parametrize("name", [*AUROC.values(), *BALANCED.values()])
def test_ties_everywhere_and_single_examples_give_defined_values(name: str) -> None:
    same = from_margins({"unlearned": {split: [2.0] * 7 for split in SIZES}})
    assert value(name, same) == 50
    single = from_margins({"unlearned": {split: [float(i)] for i, split in enumerate(SIZES)}})
    assert value(name, single) in (0, 50, 100)


def test_the_curve_is_made_once_for_all_metrics_of_one_score(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    original = membership.separate
    monkeypatch.setattr(membership, "separate", lambda *a, **k: made.append(1) or original(*a, **k))
    run = planted({**SIZES, "test": 1000}, {"unlearned": {}, "oracle": {}})
    for name in (AUROC["entropy"], *TPR["entropy"], AUROC["entropy"]):
        value(name, run)
    assert len(made) == 1
    value(AUROC["entropy"], run, "oracle")
    value(AUROC["entropy"], run.resampled(3))
    assert len(made) == 3, "another model and other draws have curves of their own"


def test_the_loss_is_that_of_yeom() -> None:
    shown = examples([[0.7, 0.2, 0.1]], [1])
    assert SCORES["loss"](shown)[0] == pytest.approx(np.log(0.2), rel=1e-6)
    assert cross_entropy(shown)[0] == pytest.approx(-np.log(0.2), rel=1e-6)
