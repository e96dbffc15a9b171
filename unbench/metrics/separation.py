"""Separation of members from others by a score: whole ROC curves, and the few numbers of them that metrics need.

Of 200 resamples a whole curve has millions of corners. Its area, and its height at a low false-positive rate, take a
tenth of the time without them.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unbench.metrics.outputs import MissingValue
from unbench.metrics.registry import Number
from unbench.metrics.weighted import Resampling, unpacked

Scores = NDArray[np.floating]


@dataclass(frozen=True)
class Roc:
    """Receiver operating characteristic: one corner for each distinct score, from the highest down.

    Attributes:
        members, others: examples of either kind that score at least that much, (T,); 0 at the first corner.
    """

    members: NDArray[np.float64]
    others: NDArray[np.float64]

    @property
    def tpr(self) -> NDArray[np.float64]:
        """Share of members that score at least that much, 0 to 1, (T,)."""
        return self.members / self.members[-1]

    @property
    def fpr(self) -> NDArray[np.float64]:
        """Share of others that score at least that much, 0 to 1, (T,)."""
        return self.others / self.others[-1]

    def area(self) -> float:
        """Return the probability that a member scores above another, ties counting half, 0 to 1."""
        return float(np.diff(self.fpr) @ (self.tpr[1:] + self.tpr[:-1]) / 2)


@dataclass(frozen=True)
class Separation:
    """Members against others by one score; floats, or arrays (B,) if the examples were resampled.

    A resample without members or without others gives NaN.

    Attributes:
        auroc: probability that a member scores above another, ties counting half, 0 to 1.
        tpr: for each false-positive rate, the highest share of members that can be found at it, both 0 to 1.
        others: number of others, before resampling.
    """

    auroc: Number
    tpr: dict[float, Number]
    others: int


def roc(members: Scores, others: Scores) -> Roc:
    """Compute the ROC of scores (N,) and (M,), higher for likelier members; for resamples use `separate`.

    Raises:
        MissingValue: one kind has no examples, or a score is NaN.
    """
    _check(members, others)
    thresholds = np.unique(np.concatenate([members, others]))
    return Roc(_at_least(thresholds, members), _at_least(thresholds, others))


def separate(
    members: Scores,
    others: Scores,
    member_weights: Resampling = None,
    other_weights: Resampling = None,
    rates: Iterable[float] = (),
) -> Separation:
    """Measure scores (N,) and (M,), higher for likelier members; `rates` are the false-positive rates, below 1.

    Raises:
        MissingValue: one kind has no examples, or a score is NaN.

    >>> import numpy as np
    >>> separate(np.array([2.0, 3.0]), np.array([1.0, 2.0]), rates=[0.5])
    Separation(auroc=0.875, tpr={0.5: 1.0}, others=2)
    """
    _check(members, others)
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
            tpr[rate] = unpacked(np.where(negatives > 0, (total - missed) / total, np.nan), plain)
    return Separation(unpacked(auroc, plain), tpr, len(others))


def highest(scores: Scores, weights: NDArray[np.floating], count: NDArray[np.floating]) -> Scores:
    """Find the score of the `count`-th highest example in each resample, (B,); minus infinity if there are fewer.

    Args:
        scores: (N,).
        weights: how often each example counts, (B, N).
        count: at least 1, (B,).

    >>> import numpy as np
    >>> highest(np.array([1.0, 5.0, 3.0]), np.array([[1, 1, 1], [1, 0, 2]]), np.array([2, 2]))
    array([3., 3.])
    """
    order = np.argsort(-scores, kind="stable")
    for part in (2 * int(count.max()) + 50, len(scores)):  # at a low rate the first few are nearly always enough
        reached = np.cumsum(weights[:, order[:part]], axis=1) >= count[:, None]
        if reached[:, -1].all():
            break
    return np.where(reached[:, -1], scores[order][reached.argmax(axis=1)], -np.inf)


def best_threshold(members: Scores, others: Scores) -> float:
    """Find the score from which to call an example a member, for the highest balanced accuracy on these examples.

    Scores are below infinity. Among equally good thresholds the highest is returned; infinity, so that no example is
    called a member, if none is better than that.

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


def _check(members: Scores, others: Scores) -> None:
    if len(members) == 0 or len(others) == 0:
        raise MissingValue("an attack needs examples of both kinds")
    if np.isnan(members).any() or np.isnan(others).any():
        raise MissingValue("a score of the attack is not a number")


def _at_least(thresholds: Scores, scores: Scores) -> NDArray[np.float64]:
    """Count the scores that are at least each threshold, from the highest threshold down, after a leading 0."""
    above = len(scores) - np.searchsorted(np.sort(scores), thresholds[::-1], side="left")
    return np.concatenate([[0.0], above])


def _below(ranked: Scores, lowest: NDArray[np.floating], values: Scores) -> NDArray[np.floating]:
    """Count the members that score below each of `values` (V,), ties counting half, (B, V)."""
    left, right = np.searchsorted(ranked, values, side="left"), np.searchsorted(ranked, values, side="right")
    # Left plus right identifies a place in the ranking, so each is averaged once and then only looked up.
    _, first, place = np.unique(left + right, return_index=True, return_inverse=True)
    halfway: NDArray[np.floating] = (lowest[:, left[first]] + lowest[:, right[first]]) / 2
    return halfway[:, place]


def _counts(scores: Scores, weights: Resampling) -> NDArray[np.floating]:
    return np.ones((1, len(scores))) if weights is None else weights
