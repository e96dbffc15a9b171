"""The attack by a support-vector classifier that the papers on sparse and saliency unlearning report as "MIA".

By the definition of their code, with these pitfalls:

- The test set is what the attack is trained on, and elsewhere in the same table what accuracy is reported on.
- Higher is not better: the share is to match the oracle's, which is the share of any unseen images called non-members.
  It is not comparable with AUROCs, whose neutral value is 50.
- gamma='auto' is one over the number of features, on features that are not scaled; on models that fit their training
  data well nearly all values of a feature are alike and the share is saturated.
- Members are the first retained images in data set order, not a random sample and not balanced over classes.
- The modified entropy is Song and Mittal's (arXiv 2003.10595). That of the papers' code indexes whole columns and takes
  log p for log(1 - p): its numbers are another metric.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from unbench.metrics.accuracy import remaining
from unbench.metrics.attacks import cross_entropy, modified_prediction_entropy, prediction_entropy
from unbench.metrics.outputs import Examples, MissingValue, Model, RunOutputs
from unbench.metrics.registry import metric

Feature = Callable[[Examples], NDArray[np.float64]]


def correctness(examples: Examples) -> NDArray[np.float64]:
    """1 where the largest logit is the label's, else 0, (N,)."""
    return (examples.log_probs.argmax(axis=1) == examples.labels).astype(np.float64)


def label_probability(examples: Examples) -> NDArray[np.float64]:
    """Probability of the label, (N,)."""
    return np.exp(-cross_entropy(examples))


def probabilities(examples: Examples) -> NDArray[np.float64]:
    """All probabilities, (N, K)."""
    return examples.probs


FEATURES: dict[str, tuple[Feature, str]] = {
    "confidence": (label_probability, "the probability of the label: the variant that papers report"),
    "correctness": (correctness, "whether the prediction is right"),
    "entropy": (prediction_entropy, "the entropy of the softmax"),
    "modified_entropy": (modified_prediction_entropy, "the modified entropy of Song and Mittal, arXiv 2003.10595"),
    "probabilities": (probabilities, "all probabilities"),
}
"""What the classifier sees, and in words."""


def svc_mia(run: RunOutputs, model: Model, feature: Feature) -> float:
    """Share of the forget set that the classifier takes for non-members, in percent.

    It is trained on the first |T| retained images as members and all test images T as non-members; where fewer are
    retained, on all of them and the first as many test images, since a classifier without class weights needs both
    alike. In scenario `class` T is the test images of the remaining classes, as in the papers: retained images are of
    no other classes, and the classifier would learn to tell classes apart.

    Raises:
        MissingValue: a set is not there or empty, or not finite.
    """
    from sklearn.svm import SVC

    forget, retain, test = (run.examples(model, split) for split in ("forget", "retain", "test"))
    test = remaining(run, test)
    size = min(len(retain), len(test))
    if size == 0:
        raise MissingValue("the attack has no test images of the remaining classes to learn from")
    members, others, asked = (feature(each).reshape(len(each), -1) for each in (retain, test, forget))
    classifier = SVC(C=3, kernel="rbf", gamma="auto")
    classifier.fit(np.concatenate([members[:size], others[:size]]), np.repeat([1, 0], size))
    return float(100 * np.mean(classifier.predict(asked) == 0))


def _register(name: str, feature: Feature, words: str) -> None:
    @metric(
        name=f"svc_mia_{name}",
        attack=True,
        title=f"SVC attack on {name.replace('_', ' ')}",
        definition="Share of the forget set that a support-vector classifier, trained to tell retain from test images, "
        f"takes for non-members; it sees {words}. Higher is not better, and the test images it learns from are those "
        "that test accuracy is reported on.",
        formula="100/|Df| * sum_{x in Df} 1[SVC(x) = non-member]; C=3, rbf, gamma=1/features; members: first |T| of "
        "Dr, non-members: T; the first |Dr| of T if |Dr| < |T|",
        unit="percent",
        bounds=(0, 100),
        ideal="equal to the oracle",
        source="Jia et al., arXiv 2304.04934 (Unlearn-Sparse), as its code defines it"
        + ("; not its faulty modified entropy" if name == "modified_entropy" else ""),
        interval=False,
        slow=True,
    )
    def value(run: RunOutputs, model: Model) -> float:
        return svc_mia(run, model, feature)


for _name, (_feature, _words) in FEATURES.items():
    _register(_name, _feature, _words)
