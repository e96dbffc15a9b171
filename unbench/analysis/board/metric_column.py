"""Any metric as a column of the leaderboard, with the oracle's value and the distance that rows are ranked by."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import nan
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

from unbench.analysis.board.leaderboard import PARTS, VALUES, in_order
from unbench.analysis.board.rank_basis import RankBasis, ideal_of
from unbench.analysis.board.shadow_metrics import SEVERAL, shadow_metrics
from unbench.analysis.rows.records import records
from unbench.analysis.rows.values import as_text, json_object, present
from unbench.metrics import METRICS
from unbench.metrics.uncertainty import t_interval
from unbench.store.schema import Row

if TYPE_CHECKING:
    import pandas as pd

_POOL = "0"
"""Stands for the seed of a value of shadow models, which has none."""


@dataclass(frozen=True)
class SeedValues:
    """One metric of one model of a row: its value by seed, the interval if it is not over seeds, why it is missing."""

    by_seed: Mapping[str, float] = field(default_factory=dict)
    interval: tuple[Any, Any] | None = None
    reason: str = ""

    def parts(self) -> dict[str, float]:
        """Return mean, standard deviation and interval, as PARTS names them; NaN for what is missing."""
        values = list(self.by_seed.values())
        if not values or self.reason:
            return dict.fromkeys(PARTS, nan)
        over = t_interval(values)
        low, high = self.interval or (over.low, over.high)
        std = stdev(values) if len(values) > 1 else nan
        numbers = (fmean(values), std, low, high)
        return {part: nan if number is None else number for part, number in zip(PARTS, numbers, strict=True)}


def with_metric(board: pd.DataFrame, runs: pd.DataFrame, metrics: pd.DataFrame, basis: RankBasis) -> pd.DataFrame:
    """Add the metric of a rank basis to the leaderboard, and sort the rows of each cell by what is ranked.

    Adds `<metric>_mean`, `_std`, `_low` and `_high` unless they are there, the same for the oracle's value
    (`oracle_<metric>`) if it has one, and `distance_mean` and `distance_by_seed` if rows are ranked by the distance;
    `missing` says why a value is. A metric of shadow models has one value for all seeds, and the interval of that.

    Args:
        board: the leaderboard.
        runs: behind it, as unbench.load_results returns them.
        metrics: as unbench.load_metrics returns them.
        basis: of unbench.analysis.board.rank_basis.rank_basis.
    """
    import pandas as pd

    name = basis.metric
    metric = METRICS.get(name)
    if metric is None or name == "avg_gap" or board.empty:
        return board
    rows = records(board)
    values, oracles = (
        _of_shadows(metrics, rows, name) if metric.needs == "shadows" else _of_runs(metrics, rows, runs, name)
    )
    ideal = ideal_of(metric)
    distances = [_distances(one, other, ideal) for one, other in zip(values, oracles, strict=True)]
    columns = _columns(name, values) if name not in VALUES else {}
    if any(one.by_seed for one in oracles) and f"oracle_{name}" not in VALUES:
        columns |= _columns(f"oracle_{name}", oracles)
    if basis.ranked == "distance":
        columns["distance_mean"] = [fmean(one.values()) if one else nan for one in distances]
        columns["distance_by_seed"] = [json.dumps(one) for one in distances]
    columns["missing"] = [_with_reason(row["missing"], name, one) for row, one in zip(rows, values, strict=True)]
    added = board.drop(columns="missing").join(pd.DataFrame(columns, index=board.index))
    added = added[[*board.columns, *(column for column in columns if column != "missing")]]
    return in_order(added, f"{basis.ranked}_mean")


def _of_runs(
    metrics: pd.DataFrame, rows: Sequence[Row], runs: pd.DataFrame, name: str
) -> tuple[list[SeedValues], list[SeedValues]]:
    """Read a metric of unlearned model and oracle from the runs of each row, or else from the table of metrics."""
    stored = metrics[(metrics["metric"] == name) & metrics["seed"].notna()]
    attempts = runs[["run_key", "attempt", *(c for c in (name, f"oracle_{name}") if c in runs)]]
    evaluated = stored.merge(attempts[["run_key", "attempt"]], on=["run_key", "attempt"])
    entries: dict[tuple[str, str], Row] = {(e["run_key"], e["of"]): e for e in records(evaluated)}
    for run in records(attempts):
        for of, column in (("unlearned", name), ("oracle", f"oracle_{name}")):
            # A run's own columns come first: the leaderboard shows them.
            if present(run.get(column)):
                entries[run["run_key"], of] = {"value": run[column], "metric_version": None, "missing": None}
    unlearned, oracle = ([_over_seeds(row, entries, of) for row in rows] for of in ("unlearned", "oracle"))
    return unlearned, oracle


def _over_seeds(row: Row, entries: Mapping[tuple[str, str], Row], of: str) -> SeedValues:
    runs = dict(zip(row["seeds"].split(), row["run_keys"].split(), strict=True))
    known = {seed: entries[key, of] for seed, key in runs.items() if (key, of) in entries}
    found = {seed: float(entry["value"]) for seed, entry in known.items() if present(entry["value"])}
    if len({entry["metric_version"] for entry in known.values()} - {None}) > 1:
        return SeedValues(
            reason="its seeds were evaluated with different versions of the metric; run 'unbench evaluate'"
        )
    if len(found) == len(runs):
        return SeedValues(found)
    reasons = sorted({as_text(entry["missing"]) for entry in known.values()} - {""})
    lacking = f"evaluated for {len(known)} of {len(runs)} seeds; 'unbench evaluate --metric' computes it"
    return SeedValues(found, reason="; ".join(reasons) or lacking)


def _of_shadows(metrics: pd.DataFrame, rows: Sequence[Row], name: str) -> tuple[list[SeedValues], list[SeedValues]]:
    assigned = shadow_metrics(metrics, rows)
    unlearned, oracle = (
        [_of_pool(assigned.get((number, of, name), [])) for number in range(len(rows))]
        for of in ("unlearned", "oracle")
    )
    return unlearned, oracle


def _of_pool(entries: Sequence[Row]) -> SeedValues:
    if not entries:
        return SeedValues(
            reason="no shadow models of this row are evaluated; see 'unbench shadow' and 'unbench evaluate'"
        )
    if len(entries) > 1:
        return SeedValues(reason=SEVERAL)
    (entry,) = entries
    if not present(entry["value"]):
        return SeedValues(reason=as_text(entry["missing"]) or "no value is stored, and no reason")
    return SeedValues({_POOL: float(entry["value"])}, (entry["low"], entry["high"]))


def _distances(value: SeedValues, oracle: SeedValues, ideal: float | str | None) -> dict[str, float]:
    """Return the distance of each seed's value to the ideal; nothing unless every seed has one."""
    if value.reason or ideal is None or (ideal == "oracle" and (oracle.reason or not oracle.by_seed)):
        return {}
    targets = oracle.by_seed if ideal == "oracle" else dict.fromkeys(value.by_seed, float(ideal))
    return {seed: abs(number - targets[seed]) for seed, number in value.by_seed.items()}


def _columns(name: str, values: Sequence[SeedValues]) -> dict[str, list[Any]]:
    parts = [one.parts() for one in values]
    return {f"{name}_{part}": [one[part] for one in parts] for part in PARTS}


def _with_reason(missing: str, name: str, value: SeedValues) -> str:
    if not value.reason or name in VALUES:
        return missing
    return json.dumps({**json_object(missing), name: value.reason}, sort_keys=True)
