"""Stored paired differences, and the rows of the leaderboard that they belong to."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from unbench.analysis.rows.values import clean, json_object
from unbench.config.grammar import write_call
from unbench.reporting.explorer.values import rounded
from unbench.store.results import Store
from unbench.store.schema import COMPARISON_COLUMNS, PLACE, Row
from unbench.store.tables import read_table

Place = tuple[str, ...]
Pair = list[Any]
"""Two row numbers, mean of first minus second, its interval's ends, p by Holm's method, and why there is no p."""


def read_comparisons(results: Path) -> list[Row]:
    """Return the rows of summary/comparisons.parquet; none if `unbench evaluate` has not been run.

    Raises:
        StoreError: the file is corrupt, or from a newer version of unbench.
    """
    path = Store(results).summary / "comparisons.parquet"
    return list(read_table(path, COMPARISON_COLUMNS, "'unbench evaluate'").to_pylist()) if path.is_file() else []


def paired(cells: Sequence[Sequence[Row]], comparisons: Sequence[Row]) -> list[dict[str, list[Pair]]]:
    """Return for each cell the comparisons by metric.

    The summary knows less of a run than the leaderboard does: where two rows of a place could be meant, as for two
    versions of a method or of the data, neither gets the comparison; nor do rows that lack one of its seeds.

    Args:
        cells: the rows of each cell, as the leaderboard has them.
        comparisons: with COMPARISON_COLUMNS.
    """
    owners = _owners(cells)
    found: list[dict[str, list[Pair]]] = [{} for _ in cells]
    for row in comparisons:
        place = tuple(row[name] for name in PLACE)
        first, second = owners.get((place, row["first"])), owners.get((place, row["second"]))
        if first is None or second is None or first[0] != second[0]:
            continue
        cell, seeds = first[0], set(json.loads(row["seeds"]))
        if not all(seeds <= _seeds(cells[cell][number]) for _, number in (first, second)):
            continue
        numbers = [rounded(row[name]) for name in ("difference", "low", "high", "p_holm")]
        reason = [clean(row["reason"])] if row["reason"] else []
        found[cell].setdefault(row["metric"], []).append([first[1], second[1], *numbers, *reason])
    return found


def _owners(cells: Sequence[Sequence[Row]]) -> dict[tuple[Place, str], tuple[int, int]]:
    """Map place and name, as the summary writes them, to cell and row, where a name can mean one row alone."""
    names: dict[tuple[Place, str], set[tuple[int, int]]] = defaultdict(set)
    for cell, rows in enumerate(cells):
        for number, row in enumerate(rows):
            if row["n_seeds"] == 0:
                continue
            place = tuple(str(row[name]) for name in ("dataset", "scenario", "preset", "model"))
            for name in (row["method"], write_call(row["method"], json_object(row["hparams"]))):
                names[place, name].add((cell, number))
    return {name: next(iter(rows)) for name, rows in names.items() if len(rows) == 1}


def _seeds(row: Row) -> set[int]:
    return {int(seed) for seed in row["seeds"].split()}
