"""Significant differences of mean ranks: Friedman's test, then Nemenyi's critical difference (Demšar 2006)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, sqrt

import numpy as np

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
    from scipy.stats import friedmanchisquare

    if ranking.reason:
        return ranking.reason
    if len(ranking.ranked) < LEAST_METHODS:
        return f"A critical difference requires {LEAST_METHODS} methods with a number in every cell."
    ranks = np.array([one.ranks for one in ranking.ranked])
    untied = (ranks != ranks.mean(axis=0)).any()
    p_value = float(friedmanchisquare(*ranks).pvalue) if untied else 1.0
    means = tuple(one.mean for one in ranking.ranked)
    needed = nemenyi(len(means), ranks.shape[1])
    groups = _groups(means, needed) if p_value < ALPHA else ((0, len(means) - 1),)
    return CriticalDifference(tuple(one.name for one in ranking.ranked), means, ranks.shape[1], p_value, needed, groups)


def nemenyi(methods: int, cells: int, alpha: float = ALPHA) -> float:
    """Compute the critical difference of mean ranks: q sqrt(k (k + 1) / 6 N), q from the studentised range over sqrt 2.

    Args:
        methods: k, at least 2.
        cells: N, at least 1.
        alpha: level of significance, in (0, 1).
    """
    from scipy.stats import studentized_range

    quantile = float(studentized_range.ppf(1 - alpha, methods, inf)) / sqrt(2)
    return quantile * sqrt(methods * (methods + 1) / (6 * cells))


def _groups(means: Sequence[float], needed: float) -> tuple[tuple[int, int], ...]:
    found: list[tuple[int, int]] = []
    for first, best in enumerate(means):
        last = max(n for n, mean in enumerate(means) if mean - best < needed)
        if last > first and (not found or last > found[-1][1]):
            found.append((first, last))
    return tuple(found)
