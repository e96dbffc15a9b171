"""Statistics of examples as they are, or of many bootstrap resamples of them at once.

`weights` say how often each example counts, (B, N): the result is then an array (B,), else a float. A resample in
which a statistic is not defined gives NaN.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unbench.metrics.outputs import MissingValue
from unbench.metrics.registry import Number

Weights = NDArray[np.float32] | None


def mean(values: NDArray[np.generic], weights: Weights = None) -> Number:
    """Average of `values` (N,).

    Raises:
        MissingValue: there are none.

    >>> import numpy as np
    >>> mean(np.array([1.0, 4.0]), np.array([[1, 1], [2, 0]], dtype=np.float32))
    array([2.5, 1. ])
    """
    if len(values) == 0:
        raise MissingValue("there are no examples to average over")
    if weights is None:
        return float(values.mean(dtype=np.float64))
    # In float32, which is several times faster, of what is left after the mean: its rounding is of no account.
    centre = values.mean(dtype=np.float64)
    rest = (values - centre).astype(np.float32)
    with np.errstate(invalid="ignore"):
        means = centre + (weights @ rest).astype(np.float64) / weights.sum(axis=1)
    return np.clip(means, values.min(), values.max())  # or an accuracy could be above 100


@dataclass(frozen=True)
class Roc:
    """Receiver operating characteristic: one corner for each distinct score, from the highest down.

    Attributes:
        members, others: examples of either kind that score at least that much, (T,); the first corner is 0.
    """

    members: NDArray[np.float64]
    others: NDArray[np.float64]

    @property
    def tpr(self) -> NDArray[np.float64]:
        """Share of members that score at least that much, 0 to 1, (T,)."""
        return self.members / self.members[-1]

    @property
    def fpr(self) -> NDArray[np.float64]:
        """The same of the others."""
        return self.others / self.others[-1]

    def area(self) -> float:
        """Probability that a member scores above another, ties counting half, 0 to 1."""
        return float(np.diff(self.fpr) @ (self.tpr[1:] + self.tpr[:-1]) / 2)

    def tpr_at(self, fpr: float) -> float:
        """Highest share of members found with at most this share of the others called members, 0 to 1."""
        return float(self.tpr[self.fpr <= fpr + 1e-12].max())


def roc(members: NDArray[np.generic], others: NDArray[np.generic]) -> Roc:
    """ROC of scores (N,) and (M,), higher for likelier members; of resamples see unbench.metrics.separation.

    Raises:
        MissingValue: one kind has no examples, or a score is NaN.
    """
    if len(members) == 0 or len(others) == 0:
        raise MissingValue("an attack needs examples of both kinds")
    thresholds = np.unique(np.concatenate([members, others]))
    if np.isnan(thresholds[-1]):
        raise MissingValue("a score of the attack is not a number")
    return Roc(_at_least(thresholds, members), _at_least(thresholds, others))


def _at_least(thresholds: NDArray[np.generic], scores: NDArray[np.generic]) -> NDArray[np.float64]:
    """How many of `scores` are at least each threshold, from the highest threshold down, with a 0 before."""
    above = len(scores) - np.searchsorted(np.sort(scores), thresholds[::-1], side="left")
    return np.concatenate([[0.0], above])
