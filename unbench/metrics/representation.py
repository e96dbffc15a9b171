"""What the features of a model still reveal: its outputs can forget while the inputs of the last layer do not.

Features are the inputs of the last layer. Read each metric beside that of the oracle: a model that keeps more than the
oracle is wrong, and so is one that lost what the oracle has.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unbench.config.seeds import derive_seed
from unbench.metrics.classifiers import logistic_regression
from unbench.metrics.outputs import MissingValue, Model, RunOutputs
from unbench.metrics.probed import Part, ProbeOutputs
from unbench.metrics.registry import AGAINST_ORACLE, Number, membership_attack, metric, percent
from unbench.metrics.separation import separate
from unbench.metrics.weighted import mean

NEIGHBOURS = 5
FOLDS = 5


def forget_acc_from_features(run: RunOutputs, model: Model, probes: ProbeOutputs, classifier: Any) -> Number:
    """Measure the accuracy on the forget set, in percent, of a scikit-learn classifier of features.

    It is fitted once, on features of retained images: resamples are of the forgotten images.

    Raises:
        MissingValue: outputs or features are missing or not finite.
    """
    forget, retain = run.examples(model, "forget"), run.examples(model, "retain")

    def compute() -> NDArray[np.bool_]:
        classifier.fit(probes.result("features", model, "retain"), retain.labels[probes.arrays["retain_rows"]])
        return np.asarray(classifier.predict(probes.result("features", model, "forget")) == forget.labels)

    right = run.plain.once(("features", repr(classifier), model, probes), compute)
    return mean(100.0 * right, forget.weights)


def linear_cka(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Compute the centred kernel alignment of two sets of features (N, D) and (N, E) of the same images, 0 to 1.

    The whole sets are compared at once: the mean over small batches, which published code takes, is inflated if there
    are fewer images than dimensions (Kornblith et al., arXiv 1905.00414, equation 4).

    Raises:
        MissingValue: all images have the same features.
    """
    one, other = one - one.mean(axis=0), other - other.mean(axis=0)
    scale = np.linalg.norm(one.T @ one) * np.linalg.norm(other.T @ other)
    if scale == 0:
        raise MissingValue("all images have the same features")
    return float(np.linalg.norm(one.T @ other) ** 2 / scale)


def _cka(probes: ProbeOutputs, model: Model, part: Part) -> Number:
    return 100 * linear_cka(probes.result("features", model, part), probes.result("features", "oracle", part))


@percent(ideal="at least that of oracle_2", needs="probes", models=AGAINST_ORACLE, interval=False)
def cka_forget(run: RunOutputs, model: Model, probes: ProbeOutputs) -> Number:
    """CKA to the oracle on the forget set

    Similarity of the features of the forgotten images to the oracle's, up to rotation and scale. For a second oracle,
    it is the similarity of two models that differ only in their seed.

    Formula: 100 * ||X'Y||_F^2 / (||X'X||_F ||Y'Y||_F), X and Y centred features of unlearned and oracle
    Source: representation-level evaluation of unlearning: arXiv 2503.06991; linear CKA: Kornblith et al., arXiv
        1905.00414, on the whole set rather than in batches
    """
    return _cka(probes, model, "forget")


@metric(like=cka_forget)
def cka_test(run: RunOutputs, model: Model, probes: ProbeOutputs) -> Number:
    """CKA to the oracle on the test set

    As cka_forget, on test images: what unlearning did to everything else.
    """
    return _cka(probes, model, "test")


@percent(needs="probes")
def knn_forget_acc(run: RunOutputs, model: Model, probes: ProbeOutputs) -> Number:
    """k-NN accuracy of the features on the forget set

    Accuracy on the forget set of the vote of the 5 retained images with the most similar features: what the features
    know of the forgotten images, whatever the last layer makes of it.

    Formula: accuracy of k-NN, k = 5, cosine similarity, on at most 2,000 retained images
    Source: representation-level evaluation of unlearning: arXiv 2503.06991; there on other data sets, here on the
        forgotten images
    """
    from sklearn.neighbors import KNeighborsClassifier

    if len(probes.arrays["retain_rows"]) < NEIGHBOURS:
        raise MissingValue(f"there are fewer than {NEIGHBOURS} retained images")
    return forget_acc_from_features(run, model, probes, KNeighborsClassifier(NEIGHBOURS, metric="cosine"))


@membership_attack(needs="probes", interval=False)
def probe_mia_auroc(run: RunOutputs, model: Model, probes: ProbeOutputs) -> Number:
    """Linear probe for membership

    AUROC of a logistic regression that tells the features of forgotten images from those of test images, on images that
    it was not fitted on: what a linear attacker with labelled examples of both finds.

    Formula: AUROC of out-of-fold scores, 5 folds, standardised features, classes balanced by weights
    Source: part of unbench; linear probes: Alain and Bengio, arXiv 1610.01644
    """
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    forget, test = (probes.result("features", model, part) for part in ("forget", "test"))
    if run.forget_class is not None:
        # The class itself must not be what separates them.
        test = test[run.examples(model, "test").labels == run.forget_class]
    if min(len(forget), len(test)) < FOLDS:
        raise MissingValue(f"fewer than {FOLDS} images of a kind: too few to hold some out")
    truth = np.repeat([1, 0], [len(forget), len(test)])
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=derive_seed("linear probe") % 2**32)
    probe, images = logistic_regression(class_weight="balanced"), np.concatenate([forget, test])
    scores = cross_val_predict(probe, images, truth, cv=folds, method="decision_function")
    return 100 * separate(scores[truth == 1], scores[truth == 0]).auroc
