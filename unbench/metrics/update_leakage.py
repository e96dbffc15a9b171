"""An attacker who holds the model from before and from after: the change itself may reveal who was forgotten."""

import numpy as np
from numpy.typing import NDArray

from unbench.metrics.attacks import loss, sides
from unbench.metrics.outputs import Examples, MissingValue, Model, RunOutputs
from unbench.metrics.registry import Number, metric, percent
from unbench.metrics.separation import separate

AFTER: tuple[Model, ...] = ("unlearned", "oracle")
"""Models an attacker may see after the original; for the oracle, it is what even perfect forgetting gives away."""


@percent(ideal="equal to the oracle, which is above 50", models=AFTER)
def update_leakage_test_auroc(run: RunOutputs, model: Model) -> Number:
    """Update leakage against unseen images

    AUROC of an attacker who sees the model before and after, and takes for forgotten the images whose label lost most
    probability; forget against test set, never folded. For the oracle, it is what even perfect forgetting gives away.

    Formula: 100 * P(d(x_f) > d(x)) + 50 * P(d(x_f) = d(x)), d = log p_y before - log p_y after
    Source: Chen et al., arXiv 2005.02205, without their shadow models: the attack is the plain difference
    Raises:
        MissingValue: outputs of a set, or of the original, are missing or not finite.
    """
    return _auroc(sides(run, "original"), sides(run, model))


@metric(like=update_leakage_test_auroc)
def update_leakage_retain_auroc(run: RunOutputs, model: Model) -> Number:
    """Update leakage against retained images

    Which of the training images were deleted? As update_leakage_test_auroc, but forget against retain set: all were
    trained on, and only some were forgotten. Not defined in scenario class, where the label gives them away.

    Raises:
        MissingValue: in scenario `class`; outputs of a set, or of the original, are missing or not finite.
    """
    if run.forget_class is not None:
        raise MissingValue("no image of the forgotten class is retained, so the label alone says what was deleted")
    before, after = ((run.examples(each, "forget"), run.examples(each, "retain")) for each in ("original", model))
    return _auroc(before, after)


def _auroc(before: tuple[Examples, Examples], after: tuple[Examples, Examples]) -> Number:
    members, others = (_fall(*each) for each in zip(before, after, strict=True))
    return 100 * separate(members, others, after[0].weights, after[1].weights).auroc


def _fall(before: Examples, after: Examples) -> NDArray[np.float32]:
    """Compute by how much the label's log-probability fell, in nats, (N,)."""
    with np.errstate(invalid="ignore"):  # infinity minus infinity is not a number, which the attack refuses
        return loss(before) - loss(after)
