"""Attacks by a fitted classifier: logistic regression on the loss, and the SVC that papers report as "MIA".

The support-vector classifier follows the code of the papers on sparse and saliency unlearning, with these pitfalls:

- The test set is what the attack is trained on, and elsewhere in the same table what accuracy is reported on.
- Higher is not better: the share should match the oracle's, which is the share of any unseen images called non-members.
  It is not comparable with AUROCs, whose neutral value is 50.
- gamma='auto' is one over the number of features, on features that are not scaled. On models that fit their training
  data well, nearly all values of a feature are alike and the share is saturated.
- Members are the first retained images in data set order, not a random sample and not balanced over classes.
- The modified entropy is Song and Mittal's (arXiv 2003.10595). That of the papers' code indexes whole columns and takes
  log p for log(1 - p): its numbers are another metric.
"""

from collections.abc import Callable
from functools import partial
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from unbench.config.seeds import derive_seed
from unbench.metrics.attacks import cross_entropy, modified_prediction_entropy, prediction_entropy, sides
from unbench.metrics.outputs import Examples, MissingValue, Model, RunOutputs
from unbench.metrics.registry import membership_attack

LEAST = 10
"""Images of each kind that ten rounds of cross-validation need: with fewer, a test part may hold one kind alone."""

Feature = Callable[[Examples], NDArray[np.float64]]


@membership_attack(interval=False)
def mia_logistic_acc(run: RunOutputs, model: Model) -> float:
    """Accuracy of the logistic-regression attack

    Cross-validated accuracy of a logistic regression that tells forget from test images by their loss, given equally
    many of each. It has one threshold, so it misses differences in spread; values below 50 are noise.

    Formula: 100 * mean over 10 stratified splits (90 % to fit, 10 % to test) of the accuracy on the tested part
    Source: starting kit of the NeurIPS 2023 Machine Unlearning Challenge; its random subsample is drawn with a fixed
        seed here
    Note: There is no bootstrap interval: a resample holds images twice, which would be both fitted on and tested on.

    Raises:
        MissingValue: a set is missing, too small, or not finite.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedShuffleSplit, cross_val_score

    losses = [cross_entropy(examples) for examples in sides(run, model)]
    size = min(map(len, losses))
    if size < LEAST:
        raise MissingValue(f"cross-validation needs at least {LEAST} forgotten and {LEAST} unseen images, not {size}")
    rng = np.random.default_rng(derive_seed("mia_logistic_acc", "subsample"))
    features = np.concatenate([values[np.sort(rng.permutation(len(values))[:size])] for values in losses])
    members = np.repeat([1, 0], size)
    seed = derive_seed("mia_logistic_acc", "splits") % 2**32
    splits = StratifiedShuffleSplit(n_splits=10, test_size=0.1, random_state=seed)
    # One feature: the exact Newton step is one division, twice as fast as the default solver.
    attack = LogisticRegression(solver="newton-cholesky")
    scores = cross_val_score(attack, features[:, None], members, cv=splits, scoring="accuracy")
    return float(100 * np.mean(scores))


def correctness(examples: Examples) -> NDArray[np.float64]:
    """Return 1 where the largest logit is the label's, else 0, (N,)."""
    return (examples.log_probs.argmax(axis=1) == examples.labels).astype(np.float64)


def label_probability(examples: Examples) -> NDArray[np.float64]:
    """Return the probability of the label, (N,)."""
    return np.exp(-cross_entropy(examples))


FEATURES: dict[str, tuple[Feature, str]] = {
    "confidence": (label_probability, "the probability of the label: the variant that papers report"),
    "correctness": (correctness, "whether the prediction is right"),
    "entropy": (prediction_entropy, "the entropy of the softmax"),
    "modified_entropy": (modified_prediction_entropy, "the modified entropy of Song and Mittal, arXiv 2003.10595"),
    "probabilities": (attrgetter("probs"), "all probabilities"),
}
"""What the support-vector classifier sees, and its description."""


def svc_mia(run: RunOutputs, model: Model, feature: Feature) -> float:
    """SVC attack on $seen

    Share of the forget set that a support-vector classifier, trained to tell retain from test images, takes for
    non-members; it sees $meaning. Higher is not better, and the test images it learns from are those that test accuracy
    is reported on.

    Formula: 100/|Df| * sum_{x in Df} 1[SVC(x) = non-member]; C=3, rbf, gamma=1/features; members: first |T| of Dr,
        non-members: T; the first |Dr| of T if |Dr| < |T|
    Source: Jia et al., arXiv 2304.04934 (Unlearn-Sparse), as its code defines it$exception

    Note: It is trained on the first |T| retained images as members and all test images T as non-members. If fewer are
        retained, it is trained on all of them and as many of the first test images, since a classifier without class
        weights needs equally many of both. In scenario `class`, T is the test images of the remaining classes, as in
        the papers: all retained images are of these, and the classifier would learn to tell classes apart.

    Raises:
        MissingValue: a set is missing, empty, or not finite.
    """
    from sklearn.svm import SVC

    forget, retain, test = run.examples(model, "forget"), run.examples(model, "retain"), run.remaining(model, "test")
    size = min(len(retain), len(test))
    if size == 0:
        raise MissingValue("the attack has no test images of the remaining classes to learn from")
    members, others, audited = (feature(each).reshape(len(each), -1) for each in (retain, test, forget))
    classifier = SVC(C=3, kernel="rbf", gamma="auto")
    classifier.fit(np.concatenate([members[:size], others[:size]]), np.repeat([1, 0], size))
    return float(100 * np.mean(classifier.predict(audited) == 0))


for _name, (_feature, _meaning) in FEATURES.items():
    _words = {"seen": _name.replace("_", " "), "meaning": _meaning, "exception": ""}
    if _name == "modified_entropy":
        _words["exception"] = "; not its faulty modified entropy"
    membership_attack(name=f"svc_mia_{_name}", words=_words, ideal="equal to the oracle", interval=False, slow=True)(
        partial(svc_mia, feature=_feature)
    )
