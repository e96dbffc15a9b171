"""A row's numbers with their spread and interval, or in words why there is none."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from statistics import stdev
from typing import TYPE_CHECKING, Any

from unbench.analysis.board.leaderboard import PARTS, VALUES
from unbench.analysis.rows.values import clean, json_object, present
from unbench.metrics.uncertainty import t_interval

if TYPE_CHECKING:
    import pandas as pd

Value = list[float | None] | str
"""Mean, sample standard deviation, lower and upper end of the 95 % t-interval; or the reason for there being none."""


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
