"""What an attacker looks at: a score of each example, higher for those that look like training images.

Rounded to float32: models with few distinct outputs, such as votes of neighbours, give ties, which the last digits of
float64 would order at random.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from unbench.metrics.outputs import Examples, Model, RunOutputs, Split
from unbench.metrics.weighted import Roc, roc

Score = Callable[[Examples], NDArray[np.float32]]


def cross_entropy(examples: Examples) -> NDArray[np.float64]:
    """Loss of each example, -log softmax(logits)[label], in nats, (N,); raises MissingValue as `log_probs`."""
    return -examples.log_probs[np.arange(len(examples)), examples.labels]


def loss(examples: Examples) -> NDArray[np.float32]:
    """Minus the cross-entropy: Yeom et al., arXiv 1709.01604."""
    return -cross_entropy(examples).astype(np.float32)


SCORES: dict[str, Score] = {"loss": loss}
"""Attacks by name."""


def attack(run: RunOutputs, model: Model, score: Score, reference: Split = "test") -> Roc:
    """Forget set against images never seen, by one score.

    In scenario `class` the reference's images of the forgotten class are taken, because a forgotten class is told from
    the remaining ones without any memory of its images.

    Raises:
        MissingValue: the outputs of either are not there, or not finite.
    """
    forget, others = run.examples(model, "forget"), run.examples(model, reference)
    if run.forget_class is not None:
        others = others.where(others.labels == run.forget_class)
    return roc(score(forget), score(others), forget.weights, others.weights)
