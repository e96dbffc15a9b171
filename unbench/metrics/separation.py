"""How well a score tells members from others: what a ROC says, without all its corners.

Of 200 resamples a whole curve (unbench.metrics.weighted.Roc) has millions of corners. Its area, and its height at a low
rate of false positives, can be had without them in a tenth of the time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unbench.metrics.outputs import MissingValue
from unbench.metrics.registry import Number
from unbench.metrics.weighted import Weights, roc

Scores = NDArray[np.floating]


@dataclass(frozen=True)
class Separation:
    """Members against others by one score; floats, or arrays (B,) if the examples were resampled.

    A resample without members or without others gives NaN.

    Attributes:
        auroc: probability that a member scores above another, ties counting half, 0 to 1.
        tpr: for each false-positive rate the highest share of members that can be found at it, both 0 to 1.
        others: how many others there are, as they are.
    """

    auroc: Number
    tpr: dict[float, Number]
    others: int


def separate(
    members: Scores,
    others: Scores,
    member_weights: Weights = None,
    other_weights: Weights = None,
    rates: Iterable[float] = (),
) -> Separation:
    """Measure scores (N,) and (M,), higher for likelier members; `rates` are the false-positive rates, below 1.

    Raises:
        MissingValue: one kind has no examples, or a score is NaN.

    >>> import numpy as np
    >>> separate(np.array([2.0, 3.0]), np.array([1.0, 2.0]), rates=[0.5])
    Separation(auroc=0.875, tpr={0.5: 1.0}, others=2)
    """
    if len(members) == 0 or len(others) == 0:
        raise MissingValue("an attack needs examples of both kinds")
    if np.isnan(members).any() or np.isnan(others).any():
        raise MissingValue("a score of the attack is not a number")
    plain = member_weights is None and other_weights is None
    inside, outside = _counts(members, member_weights), _counts(others, other_weights)
    order = np.argsort(members, kind="stable")
    ranked = members[order]
    lowest = np.zeros((len(inside), len(members) + 1), dtype=inside.dtype)  # members among the i lowest
    np.cumsum(inside[:, order], axis=1, out=lowest[:, 1:])
    total, negatives = lowest[:, -1].astype(np.float64), outside.sum(axis=1, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        losses = np.matmul(_below(ranked, lowest, others)[:, None], outside[..., None])[:, 0, 0]
        wins = total * negatives - losses
        auroc = wins / (total * negatives)
        tpr = {}
        for rate in rates:
            # One other more than allowed scores at least `limit`, so members must score above it.
            limit = highest(others, outside, np.floor(rate * negatives + 1e-9) + 1)
            missed = lowest[np.arange(len(lowest)), np.searchsorted(ranked, limit, side="right")]
            tpr[rate] = _unpacked(np.where(negatives > 0, (total - missed) / total, np.nan), plain)
    return Separation(_unpacked(auroc, plain), tpr, len(others))


def highest(scores: Scores, weights: NDArray[np.floating], count: NDArray[np.floating]) -> Scores:
    """Score of the `count`-th highest example in each resample, (B,); minus infinity where there are fewer.

    Args:
        scores: (N,).
        weights: how often each example counts, (B, N).
        count: at least 1, (B,).

    >>> import numpy as np
    >>> highest(np.array([1.0, 5.0, 3.0]), np.array([[1, 1, 1], [1, 0, 2]]), np.array([2, 2]))
    array([3., 3.])
    """
    order = np.argsort(-scores, kind="stable")
    for part in (2 * int(count.max()) + 50, len(scores)):  # a low rate needs the first few alone, nearly always
        reached = np.cumsum(weights[:, order[:part]], axis=1) >= count[:, None]
        if reached[:, -1].all():
            break
    return np.where(reached[:, -1], scores[order][reached.argmax(axis=1)], -np.inf)


def best_threshold(members: Scores, others: Scores) -> float:
    """The score from which on to call an example a member, for the highest balanced accuracy on these.

    Scores are below infinity. Of equally good thresholds the highest; infinity, so that nobody is called a member,
    where none is better than that.

    Raises:
        MissingValue: one kind has no examples, or a score is NaN.

    >>> import numpy as np
    >>> best_threshold(np.array([2.0, 3.0]), np.array([1.0, 0.0]))
    2.0
    """
    curve = roc(members, others)
    corners = np.concatenate([[np.inf], np.unique(np.concatenate([members, others]))[::-1]])
    # Counts are whole numbers: compared as such, equal corners are equal.
    gain = curve.members * len(others) - curve.others * len(members)
    return float(corners[gain.argmax()])


def _below(ranked: Scores, lowest: NDArray[np.floating], values: Scores) -> NDArray[np.floating]:
    """How many members score below each of `values` (V,), ties counting half, (B, V)."""
    left, right = np.searchsorted(ranked, values, side="left"), np.searchsorted(ranked, values, side="right")
    # Left plus right tells all places in the ranking apart, so each is averaged once and then only looked up.
    _, first, place = np.unique(left + right, return_index=True, return_inverse=True)
    halfway: NDArray[np.floating] = (lowest[:, left[first]] + lowest[:, right[first]]) / 2
    return halfway[:, place]


def _counts(scores: Scores, weights: Weights) -> NDArray[np.floating]:
    return np.ones((1, len(scores))) if weights is None else weights


def _unpacked(values: NDArray[np.float64], plain: bool) -> Number:
    return float(values[0]) if plain else values
