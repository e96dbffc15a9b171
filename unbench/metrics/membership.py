"""Membership inference: can an attacker tell forgotten images from images never seen?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unbench.metrics.outputs import Examples, MissingValue, Model, RunOutputs
from unbench.metrics.registry import metric


def cross_entropy(examples: Examples) -> NDArray[np.float64]:
    """Loss of each example, -log softmax(logits)[label], in nats, float64 (N,).

    Raises:
        MissingValue: a logit is NaN or infinite.
    """
    logits = examples.logits.astype(np.float64)
    if not np.isfinite(logits).all():
        raise MissingValue("some logits are not finite")
    top = logits.max(axis=1, keepdims=True)
    log_normaliser = top[:, 0] + np.log(np.exp(logits - top).sum(axis=1))
    return log_normaliser - logits[np.arange(len(logits)), examples.labels]


def attack_scores(run: RunOutputs, model: Model) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scores of the loss attack, higher for likelier members: (forget set, test set).

    In scenario `class` the test images of the forgotten class are the reference, because a forgotten class
    is told from the remaining ones without any memory of its images.
    """
    forget, test = run.examples(model, "forget"), run.examples(model, "test")
    if run.forget_class is not None:
        test = test.where(test.labels == run.forget_class)
    return -cross_entropy(forget), -cross_entropy(test)


def auroc(members: NDArray[np.float64], others: NDArray[np.float64]) -> float:
    """Probability that a member scores above a non-member, ties counting half, in percent.

    Never folded: below 50 the forgotten images look less familiar than unseen ones.

    >>> import numpy as np
    >>> auroc(np.array([1.0, 2.0]), np.array([0.0, 1.5]))
    75.0
    """
    from sklearn.metrics import roc_auc_score

    if len(members) == 0 or len(others) == 0:
        raise MissingValue("an attack needs examples of both kinds")
    truth = np.concatenate([np.ones(len(members)), np.zeros(len(others))])
    return float(100 * roc_auc_score(truth, np.concatenate([members, others])))


@metric(
    name="mia_auroc",
    title="Membership inference (MIA)",
    definition="AUROC of the loss attack with the forget set as members and the test set as non-members.",
    formula="100 * P(s(x_f) > s(x_t)) + 50 * P(s(x_f) = s(x_t)), s = -cross entropy",
    unit="percent",
    bounds=(0, 100),
    ideal="equal to the oracle, near 50",
)
def mia_auroc(run: RunOutputs, model: Model) -> float:
    """AUROC of the loss attack, forget against test."""
    return auroc(*attack_scores(run, model))
