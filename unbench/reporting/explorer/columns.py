"""The numbers that the explorer can show of a method, and how each is written."""

from typing import Any

from unbench.analysis.board.formatting import NAMES
from unbench.analysis.board.leaderboard import AUDIT, CHOICE, COSTS, DEPLOYMENT, LEVELS, SCORES
from unbench.metrics import METRICS
from unbench.store import schema

CHOSEN = ("test_acc", "retain_acc", "forget_acc", "mia_auroc", "avg_gap", "unlearn_seconds")
"""Shown until a person picks others."""

_GROUPS = {
    "scores": (*SCORES, *CHOICE),
    "costs": COSTS,
    "levels to compare with": LEVELS,
    "pathways of a memory": AUDIT,
    "what a memory costs": DEPLOYMENT,
}
_MEANINGS = {column.name: column.meaning for column in schema.COLUMNS}


def describe_columns(names: set[str]) -> list[dict[str, Any]]:
    """Return a record for each of these columns and stored metrics, in the order to offer them in.

    Returns:
        name, title, meaning, group, chosen (whether it is shown at first), evaluated (whether `unbench evaluate`
        makes it), pooled (whether it has one value for all shadow models) and how it is written: points, amount, count
        or number.
    """
    named = [(name, group) for group, members in _GROUPS.items() for name in members if name in names]
    found = [
        {**_record(name, NAMES.get(name, name), _MEANINGS.get(name, ""), group), "written": _written(name)}
        for name, group in named
    ]
    pooled = {name for name in names if name in METRICS and METRICS[name].needs == "shadows"}
    for name in sorted(names - dict(named).keys(), key=lambda name: (name in pooled, name)):
        metric = METRICS.get(name)
        meaning, group = "not known to this version", "metrics of unbench evaluate"
        if metric:
            meaning = f"{metric.title}. {metric.definition} Ideal: {metric.ideal}."
        if name in pooled:
            meaning += " One value for all shadow models; its interval is over them, not over seeds."
            group = "metrics of unlearned shadow models"
        written = "points" if metric and metric.unit in ("percent", "points") else "number"
        record = _record(name, name, meaning, group)
        found.append({**record, "evaluated": True, "pooled": name in pooled, "written": written})
    return found


def _record(name: str, title: str, meaning: str, group: str) -> dict[str, Any]:
    about = {"name": name, "title": title, "meaning": meaning, "group": group}
    return {**about, "chosen": name in CHOSEN, "evaluated": False, "pooled": False}


def _written(name: str) -> str:
    if name in COSTS or name.endswith("_seconds") or name.startswith("predict_ms"):
        return "amount"
    return "count" if name in ("memory_entries", "memory_bytes_per_entry") else "points"
