"""Ranks by the gap: within one cell, and their mean over cells with an interval; never a mean over missing cells."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from unbench.analysis.board.cells import Cell
from unbench.analysis.board.entries import Arena
from unbench.analysis.rows.values import present
from unbench.config.reference_names import ORACLE

Floats = NDArray[np.float64]
Row = Mapping[str, Any]

DRAWS = 2000
RULE = (
    "Rank 1 is best. Within a cell a lower gap is better; rows whose gap is within the noise floor are tied at the "
    "top, and ties get their average rank. The oracle, rows of outdated versions and rows without a gap have no rank."
)
OVER_CELLS = (
    "The mean rank is over cells of one preset, among the methods that have a number in every one of them. Cells of "
    "few methods are set aside, one after the other, as far as that makes the number of cells times that of methods "
    f"larger. The interval is a bootstrap of {DRAWS} draws, 95 %: cells are drawn with replacement, and in each of "
    "them seeds, the same for all methods."
)


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
        preset: its name.
        titles: of the cells that methods are ranked over.
        ranked: best first; empty if there is no rank over cells.
        lacking: of each other method which of these cells it lacks a number in.
        reason: why nothing is ranked; empty if something is.
        aside: titles of the cells that are set aside.
    """

    preset: str
    titles: tuple[str, ...]
    ranked: tuple[Ranked, ...]
    lacking: dict[str, str]
    reason: str = ""
    aside: tuple[str, ...] = ()


def cell_ranks(rows: Mapping[str, Row]) -> dict[str, float]:
    """Rank of each row that has one, by name; by the rule RULE.

    Args:
        rows: current rows of one cell of the leaderboard, by name.
    """
    ranked = {name: row for name, row in rows.items() if _is_ranked(row)}
    gaps = np.array([[row["avg_gap_mean"] for row in ranked.values()]], dtype=np.float64)
    within = np.array([[row["within_noise"] is True for row in ranked.values()]], dtype=bool)
    return dict(zip(ranked, _ranks(gaps, within)[0].tolist(), strict=True)) if ranked else {}


def board_ranks(cells: Sequence[Cell]) -> list[float | None]:
    """Rank of each row of the leaderboard within its cell, in its order; None for a row without one."""
    found: list[float | None] = []
    for cell in cells:
        ranks = cell_ranks(cell.competitors)
        found += [ranks.get(label) for label in cell.rows["label"]]
    return found


def ranking(arena: Arena) -> Ranking:
    """Rank the methods of one preset over its cells."""
    everywhere = arena.titles
    numbered = [{name: row for name, row in rows.items() if _is_ranked(row)} for rows in arena.entries]
    names = [name for name in arena.names if any(name in rows for rows in numbered)]
    if len(numbered) < 2:
        return Ranking(arena.preset, everywhere, (), {}, "There is one cell only, so there is no rank over cells.")
    kept = _fullest(np.array([[name in rows for name in names] for rows in numbered], dtype=bool))
    titles = tuple(everywhere[cell] for cell in kept)
    aside = tuple(title for cell, title in enumerate(everywhere) if cell not in kept)
    having = [numbered[cell] for cell in kept]
    complete = [name for name in names if all(name in rows for rows in having)]
    competing = names + [name for name, row in _others(arena) if name not in names and row["method"] != ORACLE]
    lacking = {
        name: "; ".join(title for title, rows in zip(titles, having, strict=True) if name not in rows)
        for name in competing
        if name not in complete
    }
    if len(complete) < 2:
        return Ranking(arena.preset, titles, (), lacking, "Fewer than two methods have a number in every cell.")
    chosen = [{name: rows[name] for name in complete} for rows in having]
    ranks = np.array([list(cell_ranks(rows).values()) for rows in chosen])
    low, high = np.quantile(_bootstrap(chosen), (0.025, 0.975), axis=0)
    means = ranks.mean(axis=0)
    found = [
        Ranked(name, float(means[n]), float(low[n]), float(high[n]), tuple(ranks[:, n].tolist()))
        for n, name in enumerate(complete)
    ]
    ranked = tuple(sorted(found, key=lambda one: (one.mean, one.name)))
    return Ranking(arena.preset, titles, ranked, lacking, aside=aside)


def _fullest(has: NDArray[np.bool_]) -> list[int]:
    """Which cells make the largest table without a gap, by dropping one after the other; all if none is of two by two.

    Args:
        has: (cells, methods), whether there is a number.
    """
    kept = np.arange(len(has))
    best, size = kept, 0
    while len(kept) > 1:
        part = has[kept]
        shared = int(part.all(axis=0).sum())
        if shared > 1 and len(kept) * shared > size:
            best, size = kept, len(kept) * shared
        # The cell without which the others share most; of several such the one that itself has the fewest.
        without = ((part.sum(axis=0) - part) == len(kept) - 1).sum(axis=1)
        kept = np.delete(kept, np.lexsort((-part.sum(axis=1), without))[-1])
    return [int(cell) for cell in best]


def _others(arena: Arena) -> list[tuple[str, Row]]:
    return [pair for rows in arena.entries for pair in rows.items()]


def _is_ranked(row: Row) -> bool:
    return row["method"] != ORACLE and present(row["avg_gap_mean"])


def _ranks(gaps: Floats, within: NDArray[np.bool_]) -> Floats:
    """Average ranks in each line; what is within noise counts as no gap at all."""
    return pd.DataFrame(np.where(within, 0.0, gaps)).rank(axis=1).to_numpy(np.float64)


def _bootstrap(cells: Sequence[Mapping[str, Row]]) -> Floats:
    """Mean ranks of DRAWS drawn sets of cells and seeds, (draws, methods); the same for the same rows."""
    rng = np.random.default_rng(0)
    tables = [(_by_seed(rows, "gap_by_seed"), _by_seed(rows, "floor_by_seed")) for rows in cells]
    total = np.zeros((DRAWS, len(cells[0])))
    drawn = rng.integers(len(cells), size=(DRAWS, len(cells)))
    for number, (gaps, floors) in enumerate(tables):
        draws, _ = np.nonzero(drawn == number)  # one draw may have the cell several times, with other seeds each time
        times = rng.multinomial(len(gaps), np.full(len(gaps), 1 / len(gaps)), size=len(draws))
        counts = times.astype(np.float64)  # products of integers are slow
        means, noise = _means(counts, gaps), _means(counts, floors)
        # As on the board: a gap of no known floor is not within it.
        np.add.at(total, draws, _ranks(means, means <= np.nan_to_num(noise, nan=-1.0)))
    return total / len(cells)


def _by_seed(rows: Mapping[str, Row], column: str) -> Floats:
    """(seeds, methods), NaN where a method lacks a seed."""
    values = [json.loads(row[column]) for row in rows.values()]
    seeds = sorted({seed for one in values for seed in one}, key=int)
    return np.array([[one.get(seed) for one in values] for seed in seeds], dtype=np.float64)


def _means(counts: Floats, values: Floats) -> Floats:
    """Means over drawn seeds, (draws, methods); over all its seeds for a method that has none of those drawn."""
    known = ~np.isnan(values)
    sums, sizes = counts @ np.nan_to_num(values), counts @ known.astype(np.float64)
    plain = np.nan_to_num(values).sum(axis=0) / np.where(known.any(axis=0), known.sum(axis=0), np.nan)
    return np.where(sizes > 0, sums / np.maximum(sizes, 1), plain)
