"""Metrics of shadow models, and the rows of the leaderboard that they belong to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from unbench.analysis.rows.records import records
from unbench.analysis.rows.values import clean, present, sorted_json
from unbench.config.reference_names import ORACLE
from unbench.report.explorer.values import Value, rounded

if TYPE_CHECKING:
    import pandas as pd

Row = Mapping[str, Any]
Identity = tuple[str, ...]

SEVERAL = "several pools of shadow models match this row, and the stored values do not identify one"


def shadow_values(metrics: pd.DataFrame, rows: Sequence[Row]) -> dict[tuple[int, str], dict[str, Value]]:
    """Return the metrics that rows have from pools of shadow models, which have no seeds.

    A stored value names data and recipe less closely than the leaderboard does: where two rows could be meant, neither
    gets it, and where a row could have two values, it gets a reason.

    Args:
        metrics: as unbench.load_metrics gives them.
        rows: of the whole leaderboard.

    Returns:
        Row number and model to metric name to value: the metric, no spread, and the ends of its 95 % bootstrap interval
        over the models. The model is `unlearned` or, where retraining was evaluated in the same pool, `oracle`.
    """
    owners: dict[Identity, list[int]] = defaultdict(list)
    for number, member in enumerate(rows):
        owners[_identity(member, "model")].append(number)
    candidates: dict[tuple[int, str, str], list[Row]] = defaultdict(list)
    members: dict[tuple[str, str], set[int]] = defaultdict(set)
    retrained: list[Row] = []
    for entry in records(metrics[metrics["seed"].isna()]):
        if entry["method"] == ORACLE:
            retrained.append(entry)
        elif len(found := owners.get(_identity(entry, "backbone"), [])) == 1:
            members[_pool(entry)].add(found[0])
            candidates[found[0], "unlearned", entry["metric"]].append(entry)
    for oracle in retrained:
        pool = members[_pool(oracle)]
        for number in pool:
            candidates[number, "oracle", oracle["metric"]].append(oracle)
        found = owners.get(_identity(oracle, "backbone"), [])
        # A by-design method's pool has an oracle of its own, which is not that of the row.
        if len(found) == 1 and all(rows[number]["method_family"] != "by-design" for number in pool):
            candidates[found[0], "unlearned", oracle["metric"]].append(oracle)
    values: dict[tuple[int, str], dict[str, Value]] = {}
    for (number, of, name), entries in sorted(candidates.items(), key=lambda candidate: candidate[0]):
        values.setdefault((number, of), {})[name] = _value(entries)
    return values


def _identity(row: Row, model: str) -> Identity:
    names = ("dataset", "scenario", "preset", model, "method", "method_version")
    return (*(str(row[name]) for name in names), sorted_json(row["hparams"]))


def _pool(entry: Row) -> tuple[str, str]:
    """Return the pool and the scenario of a stored value."""
    return str(entry["run_key"]).rpartition("-")[0], str(entry["scenario"])


def _value(entries: Sequence[Row]) -> Value:
    if len(entries) > 1:
        return SEVERAL
    (entry,) = entries
    if not present(entry["value"]):
        return clean(entry["missing"] or "no value is stored, and no reason")
    return [rounded(entry["value"]), None, rounded(entry["low"]), rounded(entry["high"])]
