"""Membership inference against the images most at risk: an average over all hides the few that an attacker finds."""

import numpy as np
from numpy.typing import NDArray

from unbench.metrics.attacks import loss, sides
from unbench.metrics.outputs import Examples, MissingValue, Model, RunOutputs
from unbench.metrics.registry import Number, membership_attack, metric
from unbench.metrics.separation import highest, separate

LEAST = 10
"""Images of each kind that a group needs for its AUROC to mean anything."""


@membership_attack(ideal="equal to the oracle, above 50")
def worst_class_mia_auroc(run: RunOutputs, model: Model) -> Number:
    """Membership inference on the worst class

    Highest AUROC of the loss attack over the classes with at least 10 forgotten and 10 test images, each compared
    within its class. An average would hide a class that leaks. The highest of several noisy values lies above 50 even
    where nothing leaks, so compare it with the oracle's.

    Formula: max_c 100 * (P(s(x_f) > s(x_t)) + P(s(x_f) = s(x_t)) / 2 | y = c), s = -cross entropy
    Source: part of unbench; loss attack: Yeom et al., arXiv 1709.01604
    Note: Which classes are large enough is decided before any resampling. A resample that draws no image of a class
        skips that class.

    Raises:
        MissingValue: a set is missing or not finite, or no class has enough images.
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


@metric(like=worst_class_mia_auroc, ideal="equal to the oracle, near 50")
def hardest_decile_mia_auroc(run: RunOutputs, model: Model) -> Number:
    """Membership inference on the hardest tenth

    AUROC of the loss attack between the tenth of the forget set and the tenth of the test set with the highest loss
    under the oracle. Unusual images are remembered most, and an average over all images hides them. The oracle saw
    neither set, so letting it choose favours neither, and its own value is near 50.

    Formula: 100 * (P(s(x_f) > s(x_t)) + P(s(x_f) = s(x_t)) / 2), s = -cross entropy, x_f and x_t each among the
        floor(n / 10) with the highest cross entropy under the oracle, or tied with the last of them
    Note: Each resample chooses its own hardest tenth. Choosing by the evaluated model itself would leave out the very
        images it remembers, and choosing in the forget set alone would compare hard images with average ones.

    Raises:
        MissingValue: a set or the oracle is missing or not finite, or a set has fewer than 100 images.
    """
    hardest = [_hardest(examples) for examples in sides(run, "oracle")]
    scored = []
    for examples, weights in zip(sides(run, model), hardest, strict=True):
        chosen = np.asarray(weights.any(axis=0))  # in any resample
        scored.append((loss(examples.where(chosen)), weights[:, chosen] if run.resamples else None))
    (members, member_weights), (others, other_weights) = scored
    return 100 * separate(members, others, member_weights, other_weights).auroc


def _hardest(examples: Examples) -> NDArray[np.floating]:
    """Count each image that is in the tenth with the highest loss of a resample, (B, N); B is 1 without resamples."""
    if len(examples) // 10 < LEAST:
        raise MissingValue(f"a tenth of {len(examples)} images is fewer than {LEAST}")
    losses = -loss(examples)
    weights = np.ones((1, len(losses))) if examples.weights is None else examples.weights
    count = np.maximum(weights.sum(axis=1) // 10, 1)
    return weights * (losses >= highest(losses, weights, count)[:, None])
