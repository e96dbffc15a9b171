"""Forgetting quality of the NeurIPS 2023 unlearning competition: a privacy budget for each image, turned into points.

Scaled confidences of an image under unlearned models are compared with those under retrained ones. The best of a family
of threshold rules gives false-positive and false-negative rates, and these give the least epsilon for which
(epsilon, delta)-unlearning can hold. An image earns 1 point for an epsilon below 0.5, half a point below 1, and so on.

The unlearned side consists of the models that forgot the image, the retrained side of the retrained models of the other
halves, those without the image. So no half of the training set is on both sides, the two are independent as in the
competition, and retraining compared with itself shows what is attainable: it is not compared with copies.

An epsilon is estimated from about M/2 models on either side. It can hardly exceed the logarithm of that, and its error
grows as they get fewer: compare values only at equal numbers of shadow models, best beside those of retraining. A
bootstrap resample repeats models and so is worth fewer, so there is no interval.
"""

from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from unbench.metrics.outputs import MissingValue
from unbench.metrics.registry import Number, metric, of_shadows
from unbench.metrics.shadows import ShadowOutputs

DELTA = 1e-5
CAP = 50.0
LEAST = 3
"""Models on either side: with two, no epsilon earns points."""

_PER_UNIT = 100
_BUFFER = 2.0
_SAME_RANGE = 0.01
_BUCKET = 0.5


@of_shadows(unit="points", bounds=(0, 1), ideal="that of retraining")
def forgetting_quality_f(method: ShadowOutputs, oracle: ShadowOutputs) -> float:
    """Forgetting quality without utility (F)

    Mean points of an image; the points halve with every 0.5 of the epsilon that tells unlearned models from retrained
    ones. Compare only at equal numbers of shadow models, and with the value of retraining.

    Formula: F = mean_x 2^-floor(2 eps(x)), 0 from ceil(log(N-1)) on; eps: max over rules of log(1-d-FPR) - log FNR and
        log(1-d-FNR) - log FPR, d = 0.00001
    Source: NeurIPS 2023 competition: Triantafillou et al., arXiv 2406.09073, and its code
        google-deepmind/unlearning_evaluation; the retrained models are those of halves without the image
    Raises:
        MissingValue: no target has enough models on either side, or a logit is not finite.
    """
    unlearned, retrained = method.phi, oracle.phi
    earned = []
    for target in np.flatnonzero(method.targets(LEAST)):
        forgot = method.forgotten[:, target]
        sides = unlearned[forgot, target], retrained[~forgot, target]
        earned.append(points(epsilon(*sides), min(map(len, sides))))
    return float(np.mean(earned))


@metric(like=forgetting_quality_f, bounds=(0, float("inf")))
def forgetting_quality(method: ShadowOutputs, oracle: ShadowOutputs) -> Number:
    """Forgetting quality

    F times the retain and test accuracy that is left, relative to retraining. Compare only at equal numbers of shadow
    models, and with the value of retraining.

    Formula: F * RA/RA_retrain * TA/TA_retrain, accuracies averaged over shadow models
    Note: A method that is more accurate than retraining gains by it.
    Raises:
        MissingValue: as for F; or an accuracy is not known, or is 0 after retraining.
    """
    value = forgetting_quality_f(method, oracle)
    for accuracy in (_retain_acc, _test_acc):
        after, retrained = accuracy(method), accuracy(oracle)
        if not np.isfinite([after, retrained]).all() or retrained == 0:
            raise MissingValue("an accuracy of the shadow models is not known, or is 0 after retraining")
        value *= after / retrained
    return value


def epsilon(unlearned: NDArray[np.float64], retrained: NDArray[np.float64]) -> float:
    """Find the largest epsilon that a threshold rule shows, 0 to 50.

    If every threshold of the grid leaves exactly one of the two rates at 0, the published code fails. Here the result
    is 50 if the two sides do not overlap, and 0 if all values are equal; else the values themselves are the thresholds.

    Args:
        unlearned: confidences under unlearned models, (N,).
        retrained: under retrained models, (M,).

    >>> import numpy as np
    >>> epsilon(np.array([5.0, 6.0, 7.0]), np.array([0.0, 1.0, 2.0]))
    50.0
    """
    ranges = sorted((float(np.ptp(unlearned)), float(np.ptp(retrained))))
    if ranges[1] == 0:
        return 0.0 if unlearned[0] == retrained[0] else CAP
    if ranges[0] / ranges[1] < _SAME_RANGE:
        return CAP
    upper, lower = np.sort(unlearned), np.sort(retrained)
    if np.median(lower) > np.median(upper):
        upper, lower = lower, upper
    best = max(_one_threshold(upper, lower, _grid(upper, lower)), _two_thresholds(upper, lower))
    if best == -np.inf:
        best = CAP if upper[0] >= lower[-1] else _one_threshold(upper, lower, np.unique([*upper, *lower]))
    return min(max(best, 0.0), CAP)


def points(value: float, models: int) -> float:
    """Return the points of an image with this epsilon, from `models` models on either side: 1, 1/2, 1/4, ... or 0.

    >>> points(0.2, 16), points(0.7, 16), points(3.0, 16)
    (1.0, 0.5, 0.0)
    """
    bucket = int(value // _BUCKET)
    return 0.5**bucket if (bucket + 1) * _BUCKET <= np.ceil(np.log(models - 1)) else 0.0


def _grid(upper: NDArray[np.float64], lower: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the thresholds that matter of a grid over the range of both, 100 to a unit: the first after each value."""
    values = np.concatenate([upper, lower])
    low, high = values.min(), values.max()
    last = int(np.ceil((high - low) * _PER_UNIT)) - 1
    if last < 1:
        return np.array([low])
    step = (high - low) / last
    numbers = np.unique(np.minimum(np.floor((values - low) / step) + 1, last))
    return np.concatenate([[low], low + step * numbers])


def _one_threshold(upper: NDArray[np.float64], lower: NDArray[np.float64], thresholds: NDArray[np.float64]) -> float:
    """Find the best of the rules that call a value `upper` from a threshold on; the arrays are sorted."""
    missed = np.searchsorted(upper, thresholds, side="left")
    alarms = len(lower) - np.searchsorted(lower, thresholds, side="left")
    return float(_epsilons(len(upper), len(lower))[missed, alarms].max())


def _two_thresholds(one: NDArray[np.float64], two: NDArray[np.float64]) -> float:
    """Find the best of the rules that call a value `narrow` if it lies in an interval; the arrays are sorted.

    Both ends move in steps of about 0.01, the right one 2 around the highest value of the narrow side, the left one 2
    around where the interval would be as long as the narrow side's range.
    """
    narrow, wide = (two, one) if np.ptp(one) >= np.ptp(two) else (one, two)
    count = round(2 * _BUFFER * _PER_UNIT)
    offsets = np.linspace(-_BUFFER, _BUFFER, count)
    # Left end number j belongs to right ends j - count + 1 to j, since both grids have one step.
    lefts = narrow[0] - 2 * _BUFFER + (offsets[1] - offsets[0]) * np.arange(2 * count - 1)
    right, right_first, right_last = _states(narrow, wide, narrow[-1] + offsets, "right")
    left, left_first, left_last = _states(narrow, wide, lefts, "left")
    together = (left_last >= right_first[:, None]) & (left_first <= right_last[:, None] + count - 1)
    inside = np.maximum(right[:, :, None] - left[:, None, :], 0)  # (2, R, L)
    missed, alarms = len(narrow) - inside[0][together], inside[1][together]
    return float(_epsilons(len(narrow), len(wide))[missed, alarms].max())


def _states(
    narrow: NDArray[np.float64],
    wide: NDArray[np.float64],
    thresholds: NDArray[np.float64],
    side: Literal["left", "right"],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return distinct counts of values before a threshold, (2, S), and the first and last threshold with them, (S,)."""
    before = np.stack([np.searchsorted(values, thresholds, side=side) for values in (narrow, wide)])
    first = np.flatnonzero(np.concatenate([[True], (np.diff(before) != 0).any(axis=0)]))
    last = np.append(first[1:], len(thresholds)) - 1
    return before[:, first], first, last


@lru_cache(maxsize=256)
def _epsilons(positives: int, negatives: int) -> NDArray[np.float64]:
    """Tabulate the epsilon of a rule by how many positives it misses and how many false alarms it gives.

    Minus infinity where exactly one of them is 0, which the competition takes as a sign of too few samples.
    """
    fnr = np.arange(positives + 1)[:, None] / positives
    fpr = np.arange(negatives + 1)[None, :] / negatives
    with np.errstate(divide="ignore", invalid="ignore"):
        values = np.fmax(np.log(1 - DELTA - fpr) - np.log(fnr), np.log(1 - DELTA - fnr) - np.log(fpr))
    values = np.where(np.isnan(values), -np.inf, np.clip(values, 0, CAP))
    values[(fnr == 0) | (fpr == 0)] = -np.inf
    values[0, 0] = CAP
    return values


def _retain_acc(outputs: ShadowOutputs) -> float:
    """Average over models, in percent."""
    return float(outputs.retain_acc.mean())


def _test_acc(outputs: ShadowOutputs) -> float:
    """Average over models, in percent; NaN without test images."""
    if len(outputs.test_labels) == 0:
        return float("nan")
    if np.isnan(outputs.test_logits).any():
        raise MissingValue("some logits of the shadow models are not finite")
    return float(100 * (outputs.test_logits.argmax(axis=2) == outputs.test_labels).mean())
