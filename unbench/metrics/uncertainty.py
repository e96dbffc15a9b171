"""How sure a number is: intervals over examples and over seeds, and tests between methods run on the same seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from unbench.metrics.outputs import MissingValue

_SAME = 1e-9
"""Differences up to this share of the values are rounding."""


@dataclass(frozen=True)
class SeedMean:
    """A mean and its interval, in the unit of the values.

    Attributes:
        mean: of the values.
        low, high: bounds of the interval; None if it is not defined.
        reason: why it is not defined, else "".
    """

    mean: float
    low: float | None = None
    high: float | None = None
    reason: str = ""


@dataclass(frozen=True)
class PairedTest:
    """Paired t-test of two methods on the seeds that both were run on.

    Attributes:
        first, second: names of the methods.
        seeds: those with a value of both.
        difference: mean over the seeds of first - second; None if a value is infinite.
        low, high: bounds of its t-interval, of this comparison alone; None if it is not defined.
        p_value: two-sided, of the paired t-test, 0 to 1; None if it is not defined.
        p_holm: the same corrected for all comparisons made, by Holm's method.
        reason: why there is no p-value, else "".
    """

    first: str
    second: str
    seeds: tuple[int, ...]
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    p_holm: float | None = None
    reason: str = ""


def bootstrap_interval(values: NDArray[np.floating], level: float = 0.95) -> tuple[float, float] | None:
    """Compute the percentile interval of a metric from its values on B bootstrap resamples, (B,).

    It covers what the choice of examples adds to a number of one trained model, but not what another seed would add.

    Returns:
        The bounds; None if a value is NaN or infinite, because leaving those resamples out would make the metric look
        more certain than it is, or if there are fewer than 2 / (1 - level) resamples (40 for 95 %), less than one per
        tail.

    >>> import numpy as np
    >>> bootstrap_interval(np.arange(101.0), level=0.5)
    (25.0, 75.0)
    """
    tail = (1 - level) / 2
    if not np.isfinite(values).all() or len(values) * tail < 1 - 1e-9:
        return None
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)


def t_interval(values: Sequence[float], level: float = 0.95) -> SeedMean:
    """Average over seeds, with the interval of Student's t-distribution; seeds must be independent and near normal.

    Values that are all the same give an interval of width 0, as the formula says. For a number that does not depend on
    the seed it is right; for one that happened to be the same on a few seeds it is too narrow.

    Args:
        values: one for each seed.
        level: share of such intervals that contain the true mean, 0 to 1.

    Raises:
        MissingValue: there are no values, or one is NaN or infinite.

    >>> t_interval([1.0])
    SeedMean(mean=1.0, low=None, high=None, reason='an interval needs at least two seeds')
    """
    array = np.asarray(values, dtype=np.float64)
    if len(array) == 0:
        raise MissingValue("there are no seeds to average over")
    if not np.isfinite(array).all():
        raise MissingValue("the value of a seed is not finite")
    mean = float(array.mean())
    if len(array) < 2:
        return SeedMean(mean, reason="an interval needs at least two seeds")
    margin = float(stdtrit(len(array) - 1, (1 + level) / 2)) * _standard_error(array)
    return SeedMean(mean, mean - margin, mean + margin)


def paired_differences(values: Mapping[str, Mapping[int, float]], level: float = 0.95) -> list[PairedTest]:
    """Compare every two methods on the seeds they share, by the paired t-test.

    Methods on one seed share its splits, and so the luck of the draw, which cancels in their difference. Pairs with
    fewer than two seeds in common are left out. A difference that is the same on every seed, other than 0, has no
    p-value and no interval: the formula would give 0, certainty, for lack of any spread to judge by. It still counts
    as a comparison, because leaving out comparisons by their outcome would make the others look better. If all
    differences are 0, p is 1.

    Args:
        values: method to seed to value; NaN where there is none.
        level: of the intervals, 0 to 1.

    Returns:
        One comparison for each pair, in the order of `values`.
    """
    compared = []
    for first, second in combinations(values, 2):
        seeds = tuple(sorted(s for s in values[first].keys() & values[second] if _both(values, first, second, s)))
        if len(seeds) >= 2:
            compared.append(_compare(first, second, values, seeds, level))
    corrected = holm([each.p_value for each in compared])
    return [
        each if each.p_value is None else replace(each, p_holm=float(p))
        for each, p in zip(compared, corrected, strict=True)
    ]


def joined_t_test(
    differences: Sequence[float], variance: float, weight: int, level: float = 0.95
) -> tuple[float, float]:
    """Test whether paired differences are 0 on average, if their variance by noise alone is roughly known beforehand.

    The moderated t-statistic of Smyth, Statistical Applications in Genetics and Molecular Biology 3(1), 2004, with a
    given prior: (sum of squares about the mean + weight * variance) / (n - 1 + weight) is the variance, with as many
    degrees of freedom as its denominator. It can judge one difference, and differences without any spread.

    Args:
        differences: one for each seed, finite; at least one.
        variance: of a difference by noise alone, above 0.
        weight: how many degrees of freedom that counts as, at least 1.
        level: of the interval, 0 to 1.

    Returns:
        Half the width of the interval of the mean difference, and the two-sided p-value.

    >>> [round(x, 3) for x in joined_t_test([2.0], variance=1.0, weight=4)]
    [2.776, 0.116]
    """
    array = np.asarray(differences, dtype=np.float64)
    freedom = len(array) - 1 + weight
    squares = float(((array - array.mean()) ** 2).sum()) + weight * variance
    error = float(np.sqrt(squares / freedom / len(array)))
    return float(stdtrit(freedom, (1 + level) / 2)) * error, 2 * float(stdtr(freedom, -abs(array.mean()) / error))


def holm(p_values: Sequence[float | None]) -> NDArray[np.float64]:
    """Correct p-values for their number: even one false alarm among them is then as rare as the level promises.

    Holm, Scandinavian Journal of Statistics 6(2), 1979: the i-th smallest of m times m - i + 1, at most 1 and never
    below a smaller one's. A test without a p-value (None) can never be significant, so it counts as 1.

    >>> holm([0.01, 0.04, 0.03]).round(2)
    array([0.03, 0.06, 0.06])
    """
    p = np.array([1.0 if value is None else value for value in p_values])
    order = np.argsort(p)
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return corrected


def _both(values: Mapping[str, Mapping[int, float]], first: str, second: str, seed: int) -> bool:
    return not (np.isnan(values[first][seed]) or np.isnan(values[second][seed]))


def _compare(
    first: str, second: str, values: Mapping[str, Mapping[int, float]], seeds: tuple[int, ...], level: float
) -> PairedTest:
    pairs = np.array([(values[first][seed], values[second][seed]) for seed in seeds], dtype=np.float64)
    if not np.isfinite(pairs).all():
        return PairedTest(first, second, seeds, reason="a value is infinite")
    differences = pairs[:, 0] - pairs[:, 1]
    rounding = _SAME * float(np.abs(pairs).max())
    if np.abs(differences).max() <= rounding:
        return PairedTest(first, second, seeds, 0.0, 0.0, 0.0, 1.0)
    if np.ptp(differences) <= rounding:
        reason = "the difference is the same on every seed, so there is no spread to judge it by"
        return PairedTest(first, second, seeds, float(differences.mean()), reason=reason)
    found = t_interval(differences.tolist(), level)
    p_value = 2 * float(stdtr(len(seeds) - 1, -abs(found.mean) / _standard_error(differences)))
    return PairedTest(first, second, seeds, found.mean, found.low, found.high, p_value)


def _standard_error(values: NDArray[np.float64]) -> float:
    """Compute the standard error of the mean of at least two values."""
    return float(values.std(ddof=1) / np.sqrt(len(values)))
