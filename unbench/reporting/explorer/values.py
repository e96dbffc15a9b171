"""A row's numbers with their spread and interval, or in words why there is none, and its differences from others."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import stdev
from typing import TYPE_CHECKING, Any

from unbench.analysis.board.leaderboard import PARTS, VALUES
from unbench.analysis.board.metric_column import SEVERAL, shadow_metrics
from unbench.analysis.rows.values import clean, json_object, present
from unbench.config.grammar import write_call
from unbench.metrics.uncertainty import t_interval
from unbench.store.results import Store
from unbench.store.schema import COMPARISON_COLUMNS, PLACE, Row
from unbench.store.tables import read_table

if TYPE_CHECKING:
    import pandas as pd

Value = list[float | None] | str
"""Mean, sample standard deviation, lower and upper end of the 95 % t-interval; or the reason for there being none."""
Place = tuple[str, ...]
Pair = list[Any]
"""Two row numbers, mean of first minus second, its interval's ends, p by Holm's method, and why there is no p."""


def board_values(row: Mapping[str, Any], names: Iterable[str] = VALUES) -> dict[str, Value]:
    """Return the columns of a row that have a value or a reason; one that does not apply is absent."""
    missing, found = json_object(row["missing"]), dict[str, Value]()
    for name in names:
        mean = row[f"{name}_mean"]
        if present(mean):
            found[name] = [rounded(row[f"{name}_{part}"]) for part in PARTS]
        elif name in missing:
            found[name] = clean(missing[name])
    return found


def failure(row: Mapping[str, Any]) -> str:
    """Summarise the failed runs behind a row; empty if none failed."""
    failures = json.loads(row["failures"])
    return "; ".join(f"seed {f['seed']}: {f['status']}: {clean(f['error']) or 'no reason is stored'}" for f in failures)


def stored_values(metrics: pd.DataFrame, keys: Mapping[str, int]) -> dict[tuple[int, str], dict[str, Value]]:
    """Average over the runs of each row what `unbench evaluate` stored.

    A metric that one run of a row lacks, or that two of them have by different definitions, has a reason in its place.

    Args:
        metrics: with the columns run_key, metric, metric_version, of, value and missing.
        keys: from the run_key of every ok run to the number of its row.

    Returns:
        Row number and model (unlearned, oracle, ...) to metric name to value.
    """
    sizes = Counter(keys.values())
    columns = ("run_key", "of", "metric", "value", "metric_version", "missing")
    groups: dict[tuple[int, str, str], list[tuple[Any, ...]]] = {}
    for key, of, name, *rest in zip(*(metrics[column].tolist() for column in columns), strict=True):
        if key in keys:
            groups.setdefault((keys[key], of, name), []).append(tuple(rest))
    found: dict[tuple[int, str], dict[str, Value]] = {}
    for (number, of, name), entries in sorted(groups.items(), key=lambda group: group[0]):
        found.setdefault((number, of), {})[name] = _over_seeds(entries, sizes[number])
    return found


def _over_seeds(entries: Sequence[tuple[Any, ...]], n: int) -> Value:
    """Average one metric, given value, version and reason of each of n runs."""
    values = [value for value, _, _ in entries if present(value)]
    if len({version for _, version, _ in entries}) > 1:
        return "its seeds were evaluated by different versions of the metric; 'unbench evaluate' mends that"
    if len(values) < n:
        reasons = sorted({clean(reason) for _, _, reason in entries if isinstance(reason, str) and reason})
        return "; ".join(reasons) or f"evaluated for {len(values)} of {n} seeds"
    over = t_interval(values)
    return [rounded(number) for number in (over.mean, stdev(values) if n > 1 else None, over.low, over.high)]


def rounded(number: Any) -> float | None:
    """Round to six digits, more than any page shows; None for what is missing or infinite."""
    return float(f"{number:.6g}") if present(number) else None


def shadow_values(metrics: pd.DataFrame, rows: Sequence[Mapping[str, Any]]) -> dict[tuple[int, str], dict[str, Value]]:
    """Return the values of metrics of shadow models by row number and model, then by metric.

    A value is the metric, no spread, and the ends of its 95 % bootstrap interval over the models.

    Args:
        metrics: as unbench.load_metrics returns them.
        rows: of the whole leaderboard.
    """
    values: dict[tuple[int, str], dict[str, Value]] = {}
    for (number, of, name), entries in shadow_metrics(metrics, rows).items():
        values.setdefault((number, of), {})[name] = _value(entries)
    return values


def _value(entries: Sequence[Mapping[str, Any]]) -> Value:
    if len(entries) > 1:
        return SEVERAL
    (entry,) = entries
    if not present(entry["value"]):
        return clean(entry["missing"] or "no value is stored, and no reason")
    return [rounded(entry["value"]), None, rounded(entry["low"]), rounded(entry["high"])]


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
