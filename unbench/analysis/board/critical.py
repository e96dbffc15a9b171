"""Significant differences of mean ranks: Friedman's test, then Nemenyi's critical difference (Demšar 2006)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import pi, sqrt

import numpy as np
from scipy.special import chdtrc, ndtr  # scipy.stats takes a second to import

from unbench.analysis.board.ranks import Ranking

ALPHA = 0.05
LEAST_METHODS = 3
"""Friedman's test compares three methods or more."""


@dataclass(frozen=True)
class CriticalDifference:
    """What a critical-difference diagram shows.

    Attributes:
        names: of the methods, best first.
        means: their mean ranks.
        cells: that the means are over.
        p_value: of Friedman's test, by the distribution of chi-squared, corrected for ties; 1 if all ranks are tied.
        difference: the least difference of mean ranks at which two methods differ at ALPHA, by Nemenyi's test.
        groups: first and last position of each longest run of methods without a significant difference.
    """

    names: tuple[str, ...]
    means: tuple[float, ...]
    cells: int
    p_value: float
    difference: float
    groups: tuple[tuple[int, int], ...]


def critical_difference(ranking: Ranking) -> CriticalDifference | str:
    """Test the ranks over cells, or return why they cannot be tested."""
    if ranking.reason:
        return ranking.reason
    if len(ranking.ranked) < LEAST_METHODS:
        return f"A critical difference requires {LEAST_METHODS} methods with a number in every cell."
    ranks = np.array([one.ranks for one in ranking.ranked])
    methods, cells = ranks.shape
    middle = (methods + 1) / 2
    spread = ((ranks - middle) ** 2).sum()
    between = ((ranks.mean(axis=1) - middle) ** 2).sum()
    p_value = float(chdtrc(methods - 1, (methods - 1) * cells**2 * between / spread)) if spread > 0 else 1.0
    means = tuple(one.mean for one in ranking.ranked)
    needed = nemenyi(methods, cells)
    groups = _groups(means, needed) if p_value < ALPHA else ((0, len(means) - 1),)
    return CriticalDifference(tuple(one.name for one in ranking.ranked), means, cells, p_value, needed, groups)


def nemenyi(methods: int, cells: int) -> float:
    """Compute the critical difference of mean ranks at ALPHA: q sqrt(k (k + 1) / 6 N).

    q is the quantile of the range of k standard normal numbers, over sqrt 2. That range is below w with probability
    k times the integral of phi(z) (Phi(z) - Phi(z - w))^(k - 1) over z; w is found by halving an interval.

    Args:
        methods: k, at least 2.
        cells: N, at least 1.
    """
    z = np.linspace(-9, 9, 361)  # exact to the last digits: the integrand is smooth and 0 at both ends
    density = np.exp(-(z**2) / 2) / sqrt(2 * pi)
    low, high = 0.0, 20.0
    while low < (middle := (low + high) / 2) < high:
        below = methods * np.trapezoid(density * (ndtr(z) - ndtr(z - middle)) ** (methods - 1), z)
        low, high = (middle, high) if below < 1 - ALPHA else (low, middle)
    return high / sqrt(2) * sqrt(methods * (methods + 1) / (6 * cells))


def _groups(means: Sequence[float], needed: float) -> tuple[tuple[int, int], ...]:
    found: list[tuple[int, int]] = []
    for first, best in enumerate(means):
        last = max(n for n, mean in enumerate(means) if mean - best < needed)
        if last > first and (not found or last > found[-1][1]):
            found.append((first, last))
    return tuple(found)
