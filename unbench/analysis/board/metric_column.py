"""Any metric as a column of the leaderboard, with the oracle's value and the distance that rows are ranked by."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from unbench.analysis.board.leaderboard import UNSTORED, VALUES, in_order, over_seeds
from unbench.analysis.board.rank_basis import RankBasis, ideal_of
from unbench.analysis.rows.values import as_text, json_object, present, records, sorted_json
from unbench.config.reference_names import ORACLE
from unbench.metrics import METRICS, Metric
from unbench.store.schema import Row

if TYPE_CHECKING:
    import pandas as pd

SEVERAL = "several pools of shadow models match this row, and the stored values do not identify one"

_POOL = "0"
"""Stands for the seed of a value of shadow models, which has none."""


def with_metric(board: pd.DataFrame, runs: pd.DataFrame, metrics: pd.DataFrame, basis: RankBasis) -> pd.DataFrame:
    """Add the metric of a rank basis to the leaderboard, and sort the rows of each cell by what is ranked.

    Adds `<metric>_mean`, `_std`, `_low` and `_high` unless they are there, the same for the oracle's value
    (`oracle_<metric>`) if it has one, and for the distance and `distance_by_seed` if rows are ranked by that; `missing`
    has the reason for a missing value. A metric of shadow models has one value for all seeds, with its own interval.

    Args:
        board: the leaderboard.
        runs: behind it, as unbench.load_results returns them.
        metrics: as unbench.load_metrics returns them.
        basis: of unbench.analysis.board.rank_basis.rank_basis.
    """
    metric = METRICS.get(basis.metric)
    if metric is None or metric.name == "avg_gap" or board.empty:
        return board
    rows, name, oracle = records(board), metric.name, f"oracle_{metric.name}"
    values = _of_shadows(metrics, rows, name) if metric.needs == "shadows" else _of_runs(metrics, rows, runs, metric)
    ideal = ideal_of(metric)
    if basis.ranked == "distance":
        distance = (values[name] - (values[oracle] if ideal == "oracle" else ideal)).abs()
        values["distance"] = distance.round(9)  # what is equal but for rounding is tied
    if values[oracle].isna().all():
        del values[oracle]
    added = [column for column in (name, oracle, "distance") if column in values and column not in VALUES]
    found = board.join(over_seeds(values, added)) if added else board.copy()
    if metric.needs == "shadows":
        found[[f"{name}_low", f"{name}_high"]] = values[["low", "high"]]
    if basis.ranked == "distance":
        distances: list[dict[str, float]] = [{} for _ in rows]
        for one in records(values[["row", "seed", "distance"]].dropna()):
            distances[one["row"]][str(one["seed"])] = one["distance"]
        found["distance_by_seed"] = [json.dumps(by_seed) for by_seed in distances]
    if name not in VALUES:
        reasons = values[values[name].isna()].groupby("row")["reason"].agg(lambda given: "; ".join(sorted(set(given))))
        known = [json_object(row["missing"]) for row in rows]
        new = [{name: reasons[number]} if number in reasons else {} for number in range(len(rows))]
        found["missing"] = [json.dumps(old | own, sort_keys=True) for old, own in zip(known, new, strict=True)]
    return in_order(found.copy(), f"{basis.ranked}_mean")


def shadow_metrics(metrics: pd.DataFrame, rows: Sequence[Row]) -> dict[tuple[int, str, str], list[Row]]:
    """Assign the metrics that a method has of a pool of shadow models, which have no seeds, to rows.

    A stored value names data and recipe less closely than the leaderboard does: if two rows could be meant, neither
    gets it; if a row could have two values, it gets both, and no reader can choose (SEVERAL).

    Args:
        metrics: as unbench.load_metrics returns them.
        rows: of the whole leaderboard.

    Returns:
        Rows of `metrics` by row number, model and metric, sorted. The model is `unlearned` or, if retraining was
        evaluated in the same pool, `oracle`.
    """
    owners: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for number, row in enumerate(rows):
        owners[_identity(row, "model")].append(number)
    found: dict[tuple[int, str, str], list[Row]] = defaultdict(list)
    members: dict[tuple[str, str], set[int]] = defaultdict(set)
    retrained: list[Row] = []
    for entry in records(metrics[metrics["seed"].isna()]):
        if entry["method"] == ORACLE:
            retrained.append(entry)
        elif len(owner := owners.get(_identity(entry, "backbone"), [])) == 1:
            members[_pool(entry)].add(owner[0])
            found[owner[0], "unlearned", entry["metric"]].append(entry)
    for oracle in retrained:
        pool = members[_pool(oracle)]
        for number in pool:
            found[number, "oracle", oracle["metric"]].append(oracle)
        owner = owners.get(_identity(oracle, "backbone"), [])
        # A by-design method's pool has an oracle of its own, which is not that of the row.
        if len(owner) == 1 and all(rows[number]["method_family"] != "by-design" for number in pool):
            found[owner[0], "unlearned", oracle["metric"]].append(oracle)
    return dict(sorted(found.items(), key=lambda pair: pair[0]))


def _of_runs(metrics: pd.DataFrame, rows: Sequence[Row], runs: pd.DataFrame, metric: Metric) -> pd.DataFrame:
    """Return the metric of the unlearned model and the oracle of each run, one line per row and seed."""
    owners = {key: number for number, row in enumerate(rows) for key in row["run_keys"].split()}
    found = runs[runs["run_key"].isin(owners)].reset_index(drop=True)
    stored = records(metrics[metrics["metric"] == metric.name])
    by_run = {(entry["run_key"], entry["attempt"], entry["of"]): entry for entry in stored}
    table = found[["seed"]].assign(row=found["run_key"].map(owners))
    for column, of in ((metric.name, "unlearned"), (f"oracle_{metric.name}", "oracle")):
        evaluated = [
            _current(by_run.get((*run, of)), metric) for run in zip(found["run_key"], found["attempt"], strict=True)
        ]
        table[column] = [value for value, _ in evaluated]
        if column in found:  # a run's own columns come first: the leaderboard shows them
            table[column] = found[column].fillna(table[column])
        if of == "unlearned":
            table["reason"] = [reason for _, reason in evaluated]
    return table


def _current(entry: Row | None, metric: Metric) -> tuple[float, str]:
    """Return a stored value, or NaN and the reason for there being none."""
    command = f"run 'unbench evaluate --metric {metric.name}'"
    if entry is None:
        return float("nan"), f"not evaluated; {command}"
    if entry["metric_version"] != metric.version:
        return float("nan"), f"evaluated with version {entry['metric_version']} of the metric; {command}"
    return _value(entry)


def _value(entry: Row) -> tuple[float, str]:
    if present(entry["value"]):
        return float(entry["value"]), ""
    return float("nan"), as_text(entry["missing"]) or UNSTORED


def _of_shadows(metrics: pd.DataFrame, rows: Sequence[Row], name: str) -> pd.DataFrame:
    """Return the metric of the shadow models of each row, and of those of its oracle, one line per row."""
    import pandas as pd

    assigned = shadow_metrics(metrics, rows)
    lines: list[Mapping[str, Any]] = []
    for number in range(len(rows)):
        entries = assigned.get((number, "unlearned", name), [])
        value, reason = _only(entries)
        oracle, _ = _only(assigned.get((number, "oracle", name), []))
        ends = {end: entries[0][end] if present(value) else None for end in ("low", "high")}
        lines.append({"row": number, "seed": _POOL, name: value, f"oracle_{name}": oracle, "reason": reason, **ends})
    return pd.DataFrame(lines).astype({"low": float, "high": float})


def _only(entries: Sequence[Row]) -> tuple[float, str]:
    if len(entries) > 1:
        return float("nan"), SEVERAL
    if not entries:
        return float("nan"), "no shadow models of this row are evaluated; see 'unbench shadow' and 'unbench evaluate'"
    return _value(entries[0])


def _identity(row: Row, model: str) -> tuple[str, ...]:
    names = ("dataset", "scenario", "preset", model, "method", "method_version")
    return (*(str(row[name]) for name in names), sorted_json(row["hparams"]))


def _pool(entry: Row) -> tuple[str, str]:
    """Return the pool and the scenario of a stored value."""
    return str(entry["run_key"]).rpartition("-")[0], str(entry["scenario"])
