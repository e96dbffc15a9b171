"""Ranks within one cell, their mean over cells with an interval, and which of these means differ significantly.

There is never a mean over missing cells. Means are tested by Friedman's test, then by Nemenyi's critical difference
(Demšar 2006).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import pi, sqrt

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import chdtrc, ndtr  # scipy.stats takes a second to import

from unbench.analysis.board.rank_basis import BY_GAP, RankBasis
from unbench.analysis.rows.values import present
from unbench.config.reference_names import ORACLE
from unbench.store.schema import Row

Floats = NDArray[np.float64]
Rows = Mapping[str, Row]
"""Rows of one cell of the leaderboard, by name."""

DRAWS = 2000
OVER_CELLS = (
    "The mean rank is over cells of one preset, among the methods that have a number in every one of them. Cells of "
    "few methods are set aside one after the other as long as this makes the number of cells times the number of "
    f"methods larger. The interval is a bootstrap of {DRAWS} draws, 95 %: cells are drawn with replacement, and in "
    "each of them seeds, the same for all methods."
)
ALPHA = 0.05
LEAST_METHODS = 3
"""Fewest methods that Friedman's test can compare."""


@dataclass(frozen=True)
class Ranked:
    """One method over cells: mean rank, ends of its 95 % bootstrap interval, its rank in each cell."""

    name: str
    mean: float
    low: float
    high: float
    ranks: tuple[float, ...]


@dataclass(frozen=True)
class Ranking:
    """The ranks over the cells of one preset.

    Attributes:
        titles: of the cells that methods are ranked over.
        ranked: best first; empty if there is no rank over cells.
        lacking: for each other method, the cells among these in which it lacks a number.
        reason: why nothing is ranked; empty if something is.
        aside: titles of the cells that are set aside.
    """

    titles: tuple[str, ...]
    ranked: tuple[Ranked, ...]
    lacking: dict[str, str]
    reason: str = ""
    aside: tuple[str, ...] = ()


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


def cell_ranks(rows: Rows, basis: RankBasis = BY_GAP) -> dict[str, float]:
    """Rank the rows of a cell by the rule of the basis; rows without a rank are left out.

    Args:
        rows: current ones.
        basis: what is ranked; rows within the noise floor of the gap are tied at the top.
    """
    ranked = {name: row for name, row in rows.items() if _is_ranked(row, basis)}
    values = np.array([[row[f"{basis.ranked}_mean"] for row in ranked.values()]], dtype=np.float64)
    by_gap = basis.ranked == "avg_gap"
    within = np.array([[by_gap and row["within_noise"] is True for row in ranked.values()]], dtype=bool)
    return dict(zip(ranked, _ranks(values, within)[0].tolist(), strict=True)) if ranked else {}


def ranking(titles: Sequence[str], entries: Sequence[Rows], basis: RankBasis = BY_GAP) -> Ranking:
    """Rank the methods of one preset over its cells.

    Args:
        titles: of the cells.
        entries: their current rows.
        basis: what is ranked.
    """
    numbered = [{name: row for name, row in rows.items() if _is_ranked(row, basis)} for rows in entries]
    names = list(dict.fromkeys(name for rows in entries for name in rows if any(name in found for found in numbered)))
    if len(numbered) < 2:
        return Ranking(tuple(titles), (), {}, "There is only one cell, so there is no rank over cells.")
    kept = _fullest(np.array([[name in rows for name in names] for rows in numbered], dtype=bool))
    shown = tuple(titles[cell] for cell in kept)
    aside = tuple(title for cell, title in enumerate(titles) if cell not in kept)
    having = [numbered[cell] for cell in kept]
    complete = [name for name in names if all(name in rows for rows in having)]
    others = [name for rows in entries for name, row in rows.items() if name not in names and row["method"] != ORACLE]
    lacking = {
        name: "; ".join(title for title, rows in zip(shown, having, strict=True) if name not in rows)
        for name in (*names, *others)
        if name not in complete
    }
    if len(complete) < 2:
        return Ranking(shown, (), lacking, "Fewer than two methods have a number in every cell.")
    chosen = [{name: rows[name] for name in complete} for rows in having]
    ranks = np.array([list(cell_ranks(rows, basis).values()) for rows in chosen])
    low, high = np.quantile(_bootstrap(chosen, basis), (0.025, 0.975), axis=0)
    means = ranks.mean(axis=0)
    found = [
        Ranked(name, float(means[n]), float(low[n]), float(high[n]), tuple(ranks[:, n].tolist()))
        for n, name in enumerate(complete)
    ]
    return Ranking(shown, tuple(sorted(found, key=lambda one: (one.mean, one.name))), lacking, aside=aside)


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


def _fullest(has: NDArray[np.bool_]) -> list[int]:
    """Find the cells of the largest table without a gap by dropping one after the other; all if none is two by two.

    Args:
        has: whether there is a number, bool (cells, methods).
    """
    kept = np.arange(len(has))
    best, size = kept, 0
    while len(kept) > 1:
        part = has[kept]
        shared = int(part.all(axis=0).sum())
        if shared > 1 and len(kept) * shared > size:
            best, size = kept, len(kept) * shared
        # The cell without which the others share most; of several such, the one with the fewest numbers.
        without = ((part.sum(axis=0) - part) == len(kept) - 1).sum(axis=1)
        kept = np.delete(kept, np.lexsort((-part.sum(axis=1), without))[-1])
    return [int(cell) for cell in best]


def _is_ranked(row: Row, basis: RankBasis) -> bool:
    return row["method"] != ORACLE and present(row[f"{basis.ranked}_mean"])


def _ranks(values: Floats, within: NDArray[np.bool_]) -> Floats:
    """Return average ranks in each line; a value within noise counts as 0."""
    return pd.DataFrame(np.where(within, 0.0, values)).rank(axis=1).to_numpy(np.float64)


def _bootstrap(cells: Sequence[Rows], basis: RankBasis) -> Floats:
    """Return the mean ranks of DRAWS drawn sets of cells and seeds, (draws, methods); the same for the same rows."""
    rng = np.random.default_rng(0)
    total = np.zeros((DRAWS, len(cells[0])))
    drawn = rng.integers(len(cells), size=(DRAWS, len(cells)))
    for number, rows in enumerate(cells):
        values = _by_seed(rows, basis.by_seed)
        floors = _by_seed(rows, "floor_by_seed") if basis.ranked == "avg_gap" else np.full_like(values, np.nan)
        draws, _ = np.nonzero(drawn == number)  # a draw may have the cell several times, with other seeds each time
        times = rng.multinomial(len(values), np.full(len(values), 1 / len(values)), size=len(draws))
        counts = times.astype(np.float64)  # products of integers are slow
        means, noise = _means(counts, values), _means(counts, floors)
        # As on the leaderboard, a value without a known floor is not within it.
        np.add.at(total, draws, _ranks(means, means <= np.nan_to_num(noise, nan=-1.0)))
    return total / len(cells)


def _by_seed(rows: Rows, column: str) -> Floats:
    """Return the values of a column, (seeds, methods); NaN where a method lacks a seed."""
    values = [json.loads(row[column]) for row in rows.values()]
    seeds = sorted({seed for one in values for seed in one}, key=int)
    return np.array([[one.get(seed) for one in values] for seed in seeds], dtype=np.float64)


def _means(counts: Floats, values: Floats) -> Floats:
    """Average over drawn seeds, (draws, methods); over all its seeds for a method that has none of those drawn."""
    known = ~np.isnan(values)
    sums, sizes = counts @ np.nan_to_num(values), counts @ known.astype(np.float64)
    plain = np.nan_to_num(values).sum(axis=0) / np.where(known.any(axis=0), known.sum(axis=0), np.nan)
    return np.where(sizes > 0, sums / np.maximum(sizes, 1), plain)


def _groups(means: Sequence[float], needed: float) -> tuple[tuple[int, int], ...]:
    found: list[tuple[int, int]] = []
    for first, best in enumerate(means):
        last = max(n for n, mean in enumerate(means) if mean - best < needed)
        if last > first and (not found or last > found[-1][1]):
            found.append((first, last))
    return tuple(found)
