"""Membership inference on those it hurts most: an average over all people hides the few that an attacker finds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unbench.metrics.attacks import loss, sides
from unbench.metrics.outputs import Examples, MissingValue, Model, RunOutputs
from unbench.metrics.registry import Number, metric
from unbench.metrics.separation import highest, separate

LEAST = 10
"""Images of each kind below which a group's AUROC says nothing."""


@metric(
    name="worst_class_mia_auroc",
    attack=True,
    title="Membership inference on the worst class",
    definition=f"Highest AUROC of the loss attack over classes with at least {LEAST} forgotten and {LEAST} test "
    "images, each compared within the class. The average hides a class that leaks. A highest of several noisy values "
    "lies above 50 even where nothing leaks, so compare with the oracle.",
    formula="max_c 100 * (P(s(x_f) > s(x_t)) + P(s(x_f) = s(x_t)) / 2 | y = c), s = -cross entropy",
    unit="percent",
    bounds=(0, 100),
    ideal="equal to the oracle, above 50",
    source="part of unbench; loss attack: Yeom et al., arXiv 1709.01604",
)
def worst_class_mia_auroc(run: RunOutputs, model: Model) -> Number:
    """Highest AUROC over classes; which classes are large enough is decided before any resampling.

    A resample that draws no image of a class goes without that class.

    Raises:
        MissingValue: a set is not there or not finite, or no class has enough images.
    """
    forget, test = sides(run, model)
    values: list[Number] = []
    for label in np.unique(forget.labels):
        members, others = forget.where(forget.labels == label), test.where(test.labels == label)
        if min(len(members), len(others)) >= LEAST:
            values.append(100 * separate(loss(members), loss(others), members.weights, others.weights).auroc)
    if not values:
        raise MissingValue(f"no class has at least {LEAST} forgotten and {LEAST} test images")
    worst = np.fmax.reduce(np.asarray(values), axis=0)
    return float(worst) if worst.ndim == 0 else worst


@metric(
    name="hardest_decile_mia_auroc",
    attack=True,
    title="Membership inference on the hardest tenth",
    definition="AUROC of the loss attack between the tenth of the forget set and the tenth of the test set whose loss "
    "under the oracle is highest. Unusual images are remembered most, and an average over all hides them. The oracle "
    "saw neither set, so choosing by it favours neither, and its own value is near 50.",
    formula="100 * (P(s(x_f) > s(x_t)) + P(s(x_f) = s(x_t)) / 2), s = -cross entropy, x_f and x_t each among the "
    "floor(n / 10) with the highest cross entropy under the oracle, or tied with the last of them",
    unit="percent",
    bounds=(0, 100),
    ideal="equal to the oracle, near 50",
    source="part of unbench; loss attack: Yeom et al., arXiv 1709.01604",
)
def hardest_decile_mia_auroc(run: RunOutputs, model: Model) -> Number:
    """AUROC on the images the oracle finds hardest; each resample chooses its own hardest tenth.

    Choosing by the evaluated model itself would leave out the very images it remembers, and choosing in the forget set
    alone would compare hard images with average ones.

    Raises:
        MissingValue: a set or the oracle is not there or not finite, or a set has fewer than 100 images.
    """
    hardest = [_hardest(examples) for examples in sides(run, "oracle")]
    asked = []
    for examples, weights in zip(sides(run, model), hardest, strict=True):
        chosen = np.asarray(weights.any(axis=0))  # in any resample
        asked.append((loss(examples.where(chosen)), weights[:, chosen] if run.resamples else None))
    (members, member_weights), (others, other_weights) = asked
    return 100 * separate(members, others, member_weights, other_weights).auroc


def _hardest(examples: Examples) -> NDArray[np.floating]:
    """How often each image counts among the tenth with the highest loss of a resample, (B, N); B is 1 for none."""
    if len(examples) // 10 < LEAST:
        raise MissingValue(f"a tenth of {len(examples)} images is fewer than {LEAST}")
    losses = -loss(examples)
    weights = np.ones((1, len(losses))) if examples.weights is None else examples.weights
    count = np.maximum(weights.sum(axis=1) // 10, 1)
    return weights * (losses >= highest(losses, weights, count)[:, None])
