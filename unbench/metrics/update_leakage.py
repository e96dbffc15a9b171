"""An attacker who holds the model from before and from after: the change itself may say who asked to be forgotten."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unbench.metrics.attacks import loss, sides
from unbench.metrics.outputs import Examples, MissingValue, Model, RunOutputs
from unbench.metrics.registry import Number, metric
from unbench.metrics.separation import separate

AFTER: tuple[Model, ...] = ("unlearned", "oracle")
"""Models an attacker may see after the original; of the oracle it is what even perfect forgetting gives away."""

_RECORD = {
    "formula": "100 * P(d(x_f) > d(x)) + 50 * P(d(x_f) = d(x)), d = log p_y before - log p_y after",
    "unit": "percent",
    "bounds": (0, 100),
    "ideal": "equal to the oracle, which is above 50",
    "source": "Chen et al., arXiv 2005.02205, without their shadow models: the attack is the plain difference",
    "models": AFTER,
}


@metric(
    name="update_leakage_test_auroc",
    title="Update leakage against unseen images",
    definition="AUROC of an attacker who sees the model before and after and takes for forgotten what lost most "
    "probability of its label; forget against test set, never folded. Of the oracle it is what even perfect "
    "forgetting gives away.",
    **_RECORD,
)
def update_leakage_test_auroc(run: RunOutputs, model: Model) -> Number:
    """Forget against test; in scenario `class` against the test images of the forgotten class.

    Raises:
        MissingValue: outputs of a set, or of the original, are not there or not finite.
    """
    return _auroc(sides(run, "original"), sides(run, model))


@metric(
    name="update_leakage_retain_auroc",
    title="Update leakage against retained images",
    definition="Which of the training images were deleted? As update_leakage_test_auroc, but forget against retain "
    "set: all were trained on, and only some were forgotten. Not defined in scenario class, where the label says it.",
    **_RECORD,
)
def update_leakage_retain_auroc(run: RunOutputs, model: Model) -> Number:
    """Forget against retain.

    Raises:
        MissingValue: in scenario `class`; outputs of a set, or of the original, are not there or not finite.
    """
    if run.forget_class is not None:
        raise MissingValue("no image of the forgotten class is retained, so the label alone says what was deleted")
    before, after = ((run.examples(each, "forget"), run.examples(each, "retain")) for each in ("original", model))
    return _auroc(before, after)


def _auroc(before: tuple[Examples, Examples], after: tuple[Examples, Examples]) -> Number:
    members, others = (_fall(*each) for each in zip(before, after, strict=True))
    return 100 * separate(members, others, after[0].weights, after[1].weights).auroc


def _fall(before: Examples, after: Examples) -> NDArray[np.float32]:
    """By how much the label's log-probability fell, in nats, (N,)."""
    with np.errstate(invalid="ignore"):  # infinite twice is no number, which the attack refuses
        return loss(before) - loss(after)
