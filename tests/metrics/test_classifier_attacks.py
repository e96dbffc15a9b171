"""Attacks that fit a classifier: logistic regression on the loss, and support-vector classifiers on five features."""

from __future__ import annotations

import numpy as np
import pytest
from planted import from_margins, outcome, planted, relabelled, taken, value
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.svm import SVC

from unbench.config.seeds import derive_seed
from unbench.metrics import METRICS, Examples, RunOutputs
from unbench.metrics.classifier_attacks import FEATURES, LEAST, label_probability

LOGISTIC = "mia_logistic_acc"
SVCS = [f"svc_mia_{feature}" for feature in FEATURES]
SIZES = {"retain": 120, "forget": 60, "val": 40, "test": 60}


@pytest.mark.parametrize("name", [LOGISTIC, *SVCS])
def test_what_has_to_be_refitted_has_no_interval_over_resamples(name: str) -> None:
    assert not METRICS[name].interval
    assert METRICS[name].slow == name.startswith("svc_mia")


def test_logistic_attack_finds_what_is_apart_and_nothing_in_noise() -> None:
    apart = {"forget": [5.0, 6.0] * 100, "test": [-5.0, -6.0] * 100}
    assert value(LOGISTIC, from_margins({"unlearned": apart})) == 100
    swapped = {"forget": apart["test"], "test": apart["forget"]}
    assert value(LOGISTIC, from_margins({"unlearned": swapped})) == 100, "a fitted attack finds over-forgetting too"
    sizes = {"retain": 1, "forget": 2000, "test": 2000}
    noise = planted(sizes, {"unlearned": {}, "oracle": {}})
    for model in ("unlearned", "oracle"):
        assert abs(value(LOGISTIC, noise, model) - 50) < 5 * 100 * np.sqrt(0.25 / 4000)
    assert value(LOGISTIC, planted(sizes, {"unlearned": {"forget": 3.0}})) > 70


def test_logistic_attack_is_the_starting_kits() -> None:
    """An independent version; the sets have one size, so nothing is left out at random."""
    run = planted({"forget": 90, "test": 90}, {"unlearned": {"forget": 1.0}})
    losses = []
    for split in ("forget", "test"):
        rows = run.splits == split
        probs = softmax(run.logits["unlearned"][rows].astype(np.float64), axis=1)
        losses.append(-np.log(probs[np.arange(90), run.labels[rows]]))
    x, y = np.concatenate(losses)[:, None], np.repeat([1, 0], 90)
    seed = derive_seed(LOGISTIC, "splits") % 2**32
    accuracies = []
    for fitted, tested in StratifiedShuffleSplit(n_splits=10, test_size=0.1, random_state=seed).split(x, y):
        model = LogisticRegression().fit(x[fitted], y[fitted])
        accuracies.append(accuracy_score(y[tested], model.predict(x[tested])))
    assert len(accuracies) == 10
    assert value(LOGISTIC, run) == pytest.approx(100 * np.mean(accuracies), abs=1e-9)


def test_logistic_attack_is_balanced_and_the_same_each_time() -> None:
    run = planted({"forget": 40, "test": 2000}, {"unlearned": {}})
    first = value(LOGISTIC, run)
    assert first < 75, "calling all of them unseen would be right in 98 % without balancing"
    np.random.seed(1)
    assert value(LOGISTIC, run) == first
    assert value(LOGISTIC, relabelled(run, np.array([2, 0, 3, 1]))) == pytest.approx(first, abs=1e-9)
    # Which of the larger set are left out is drawn from all of it.
    shifted = taken(run, np.arange(len(run.labels)))
    last = np.flatnonzero(run.splits == "test")[1000:]
    shifted.logits["unlearned"][last] = 0
    shifted.logits["unlearned"][last, run.labels[last]] = 50
    assert value(LOGISTIC, shifted) != first


def test_logistic_attack_does_not_see_a_difference_in_spread() -> None:
    rng = np.random.default_rng(0)
    wide, narrow = (rng.choice([-1, 1], 1000) * far + 10 for far in (4, 1))
    run = from_margins({"unlearned": {"forget": (-wide).tolist(), "test": (-narrow).tolist()}})
    assert abs(value(LOGISTIC, run) - 50) < 10


def test_logistic_attack_needs_enough_of_either_kind() -> None:
    enough = {"forget": [2.0, 1.0] * 5, "test": [0.0, 1.0] * 50}
    assert 0 <= value(LOGISTIC, from_margins({"unlearned": enough})) <= 100
    for short in ({**enough, "forget": [2.0] * (LEAST - 1)}, {**enough, "test": [2.0] * (LEAST - 1)}):
        assert "at least 10 forgotten and 10 unseen images, not 9" in outcome(
            LOGISTIC, from_margins({"unlearned": short})
        )
    ties = from_margins({"unlearned": {"forget": [2.0] * 30, "test": [2.0] * 30}})
    assert value(LOGISTIC, ties) == 50
    by_class = from_margins({"unlearned": enough}, forget_class=0)
    by_class.labels[15:] = 1
    assert "not 5" in outcome(LOGISTIC, by_class), "in scenario class only the class's own test images are unseen ones"


def test_svc_by_correctness_says_non_member_where_wrong_answers_are_commoner() -> None:
    right, wrong = [3.0], [-3.0]
    margins = {
        "retain": right * 38 + wrong * 2,  # 95 % right
        "test": right * 24 + wrong * 16,  # 60 % right: a wrong answer speaks for a non-member
        "forget": right * 7 + wrong * 3,
    }
    run = from_margins({"unlearned": margins})
    assert value("svc_mia_correctness", run) == 30
    swapped = from_margins({"unlearned": {**margins, "retain": margins["test"], "test": margins["retain"]}})
    assert value("svc_mia_correctness", swapped) == 70


@pytest.mark.parametrize("name", SVCS)
def test_svc_known_answers(name: str) -> None:
    """Members are certain, non-members undecided, so what is undecided is called a non-member."""
    certain, undecided = [9.0], [0.1] if name != "svc_mia_correctness" else [-0.1]
    margins = {"retain": certain * 30, "test": undecided * 30}
    for forget, expected in ((undecided * 4, 100), (certain * 4, 0), (certain * 3 + undecided, 25)):
        assert value(name, from_margins({"unlearned": {**margins, "forget": forget}})) == expected


def written_out(run: RunOutputs, feature: str) -> float:
    """Attack as the description says, sharing only scikit-learn's classifier with the code."""
    sides = {}
    for split in ("retain", "test", "forget"):
        rows, labels = [], run.labels[run.splits == split]
        for p, y in zip(
            softmax(run.logits["unlearned"][run.splits == split].astype(float), axis=1), labels, strict=True
        ):
            others = [q for k, q in enumerate(p) if k != y]
            rows.append(
                {
                    "correctness": [float(np.argmax(p) == y)],
                    "confidence": [p[y]],
                    "entropy": [-sum(q * np.log(q) for q in p)],
                    "modified_entropy": [-(1 - p[y]) * np.log(p[y]) - sum(q * np.log(1 - q) for q in others)],
                    "probabilities": p,
                }[feature]
            )
        sides[split] = np.array(rows)
    size = len(sides["test"])
    x, y = np.concatenate([sides["retain"][:size], sides["test"]]), np.array([1] * size + [0] * size)
    answers = SVC(C=3, gamma="auto", kernel="rbf").fit(x, y).predict(sides["forget"])
    return 100 * sum(1 - answers) / len(answers)


@pytest.mark.parametrize("feature", FEATURES)
def test_svc_follows_its_description(feature: str) -> None:
    run = planted(SIZES, {"unlearned": {"retain": 2.0, "forget": 1.0}})
    expected = written_out(run, feature)
    assert 0 < expected < 100
    assert value(f"svc_mia_{feature}", run) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("name", SVCS)
def test_svc_learns_from_the_first_retained_images_alone(name: str) -> None:
    run = planted(SIZES, {"unlearned": {"retain": 2.0, "forget": 1.0}})
    retained = np.flatnonzero(run.splits == "retain")
    fewer = taken(run, np.setdiff1d(np.arange(len(run.labels)), retained[60:]))
    assert value(name, fewer) == value(name, run)


@pytest.mark.parametrize("name", SVCS)
def test_svc_with_fewer_retained_than_test_images_takes_as_many_of_either(name: str) -> None:
    run = planted({"retain": 30, "forget": 40, "test": 90}, {"unlearned": {"retain": 2.0, "forget": 1.0}})
    tests = np.flatnonzero(run.splits == "test")
    cut = taken(run, np.setdiff1d(np.arange(len(run.labels)), tests[30:]))
    assert value(name, run) == value(name, cut)


@pytest.mark.parametrize("name", SVCS)
def test_svc_in_scenario_class_learns_from_the_remaining_classes(name: str) -> None:
    run = planted({"retain": 60, "forget": 40, "test": 80}, {"unlearned": {"retain": 3.0}})
    keep = ~((run.splits == "retain") & (run.labels == 2))
    labels = np.where(run.splits == "forget", 2, run.labels)[keep]
    logits = {"unlearned": run.logits["unlearned"][keep]}
    by_class = RunOutputs(labels, run.splits[keep], logits, forget_class=2)
    own_test = (by_class.splits == "test") & (labels == 2)
    plain = RunOutputs(labels[~own_test], by_class.splits[~own_test], {"unlearned": logits["unlearned"][~own_test]})
    assert own_test.any()
    assert value(name, by_class) == value(name, plain)
    only = taken(by_class, np.flatnonzero((by_class.splits != "test") | own_test))
    assert outcome(name, only) == "the attack has no test images of the remaining classes to learn from"


@pytest.mark.parametrize("name", [LOGISTIC, *SVCS])
def test_what_is_not_there_is_missing_with_its_reason(name: str) -> None:
    run = planted(SIZES, {"unlearned": {}})
    needed = {"forget", "test", *(() if name == LOGISTIC else ("retain",))}
    for split in needed:
        assert outcome(name, taken(run, np.flatnonzero(run.splits != split))) == f"the run stores no '{split}' outputs"
    assert "oracle" in str(outcome(name, run, "oracle"))
    broken = taken(run, np.arange(len(run.labels)))
    broken.logits["unlearned"][np.flatnonzero(run.splits == "forget")[0], 0] = np.nan
    assert outcome(name, broken) == "some logits are not finite"


@pytest.mark.parametrize("name", SVCS)
def test_svc_of_single_examples_ties_and_certainty_is_defined(name: str) -> None:
    for sizes in ((1, 1, 1), (5, 3, 2)):
        for margin in (1.0, 3e38):
            margins = {split: [margin] * n for split, n in zip(("retain", "test", "forget"), sizes, strict=True)}
            assert 0 <= value(name, from_margins({"unlearned": margins})) <= 100


def test_the_label_probability_is_that_of_the_softmax() -> None:
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(20, 4)).astype(np.float32), rng.integers(0, 4, 20)
    expected = softmax(logits.astype(float), axis=1)[np.arange(20), labels]
    np.testing.assert_allclose(label_probability(Examples(labels, logits)), expected, rtol=1e-12)
