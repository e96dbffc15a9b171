"""Which numbers of a run are compared, and how much each may differ by noise alone.

Left out: the numbers of original and oracle, which all methods on one model share, so that one change would count many
times (`unbench.analysis.comparison.context` tells of it once), and what a machine does besides unlearning, such as
training.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

from unbench.analysis.comparison.context import differ
from unbench.analysis.comparison.sides import Row
from unbench.analysis.rows.values import json_object, present
from unbench.metrics import MEASURES
from unbench.store.schema import COLUMNS, PATHWAYS

FLOORED = (*MEASURES, "val_acc", "avg_gap", "val_gap", "avg_gap_floor")
"""Columns in points whose noise is that of the noise floor."""

UNFLOORED = (
    "forget_class_test_acc",
    *(f"{pathway}_{measure}" for pathway in PATHWAYS for measure in MEASURES),
    "pathway_sensitivity_val",
    "pathway_sensitivity_forget",
)
"""Columns of few examples, or of models that have no second oracle: the floor says nothing of them."""

LEAST = {"unlearn_seconds": 0.01, "delete_seconds": 0.01, "peak_memory_mb": 1.0}
"""Columns that are compared as ratios, with what they count as at least: below, a clock and an allocator jitter."""

_COLUMNS = {column.name for column in COLUMNS}
_TAIL = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True)
class Pair:
    """One number of one run on both sides.

    Attributes:
        measure: a column of a run's row, or a metric.
        a, b: its values; None where there is none.
        variance: of b - a by noise alone, in the measure's unit squared; None if it is not known.
        note: why a value is missing, or why the two cannot be compared, else "".
        comparable: whether both mean the same.
    """

    measure: str
    a: float | None
    b: float | None
    variance: float | None = None
    note: str = ""
    comparable: bool = True


def row_pairs(a: Row, b: Row) -> Iterator[Pair]:
    """The numbers of two ok rows, those that neither has left out."""
    variance = _floor_variance(a, b)
    reasons = [json_object(row["missing"]) for row in (a, b)]
    for name in (*FLOORED, *UNFLOORED, *LEAST):
        before, after = _value(a[name]), _value(b[name])
        if before is None and after is None:
            continue
        absent = [why for why, value in zip(reasons, (before, after), strict=True) if value is None]
        note = next((str(why[name]) for why in absent if name in why), "")
        comparable = True
        if name in LEAST and differ(a, b, ("device", "threads")):
            note, comparable = "another device or number of threads", False
        versions = [json_object(row["metric_versions"]).get(name, 1) for row in (a, b)]
        if versions[0] != versions[1]:
            note, comparable = f"its definition went from version {versions[0]} to {versions[1]}", False
        yield Pair(name, before, after, variance if name in FLOORED else None, note, comparable)


def metric_pairs(a: list[Row], b: list[Row]) -> Iterator[Pair]:
    """The evaluated metrics of the unlearned model that both runs were asked for, without those in the rows.

    Args:
        a, b: rows with unbench.store.schema.METRIC_COLUMNS.
    """
    first, second = (
        {row["metric"]: row for row in rows if row["of"] == "unlearned" and row["metric"] not in _COLUMNS}
        for rows in (a, b)
    )
    for name, one in first.items():
        other = second.get(name)
        if other is None or (one["value"] is None and other["value"] is None):
            continue
        versions = one["metric_version"], other["metric_version"]
        note = one["missing"] or other["missing"] or ""
        if versions[0] != versions[1]:
            note = f"its definition went from version {versions[0]} to {versions[1]}"
        same = versions[0] == versions[1]
        yield Pair(name, _value(one["value"]), _value(other["value"]), _bootstrap_variance(one, other), note, same)


def _floor_variance(a: Row, b: Row) -> float | None:
    """Of a difference of two trainings that differ in their seed alone.

    The floor is a mean of absolute differences, which for normal ones is sqrt(2 / pi) of their standard deviation. A
    floor of 0 is no promise that there is no noise: accuracies are coarse, and all may have come out at 100 %.
    """
    floors = [row["avg_gap_floor"] for row in (a, b) if present(row["avg_gap_floor"])]
    mean = sum(floors) / len(floors) if floors else 0.0
    return math.pi / 2 * mean**2 or None


def _bootstrap_variance(a: Mapping[str, Any], b: Mapping[str, Any]) -> float | None:
    """Of a difference of two values on examples drawn anew: the sum of theirs, as if the draws were independent."""
    if not all(present(row[end]) for row in (a, b) for end in ("low", "high")):
        return None
    return sum(((row["high"] - row["low"]) / 2 / _TAIL) ** 2 for row in (a, b)) or None


def _value(value: Any) -> float | None:
    return float(value) if present(value) else None
