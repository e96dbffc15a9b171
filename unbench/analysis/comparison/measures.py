"""Which numbers of a run are compared, how much each may differ by noise alone, and what else differs.

Left out are the numbers of original and oracle, which all methods on one model share: one change would count many times
(`circumstances` reports it once). So is what a machine does besides unlearning, such as training.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

from unbench.analysis.comparison.rule import ROUNDING
from unbench.analysis.rows.values import json_object, present, sorted_json
from unbench.metrics import MEASURES
from unbench.store.schema import COLUMNS, PATHWAYS, Row

FLOORED = (*MEASURES, "val_acc", "avg_gap", "val_gap", "avg_gap_floor")
"""Columns in points whose noise is that of the noise floor."""

UNFLOORED = (
    "forget_class_test_acc",
    *(f"{pathway}_{measure}" for pathway in PATHWAYS for measure in MEASURES),
    "pathway_sensitivity_val",
    "pathway_sensitivity_forget",
)
"""Columns of few examples, or of models without a second oracle: the floor does not apply to them."""

LEAST = {"unlearn_seconds": 0.01, "delete_seconds": 0.01, "peak_memory_mb": 1.0}
"""Columns that are compared as ratios, and the least that they count as: below it, clock and allocator jitter."""

CIRCUMSTANCES: dict[str, tuple[str, ...]] = {
    "data": ("data_fingerprint", "dataset_version"),
    "split": ("split_hash",),
    "training": ("training", "model_options", "stem", "key_encoder"),
    "method version": ("method_version",),
    "device or threads": ("device", "threads"),
    "torch version": ("torch_version",),
    "original model": tuple(f"original_{measure}" for measure in MEASURES),
    "oracle": tuple(f"oracle_{measure}" for measure in MEASURES),
}
"""What may differ besides the numbers that are compared, and the columns of a run that show it."""

_COLUMNS = {column.name for column in COLUMNS}
_TAIL = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True)
class PairedNumber:
    """One number of one run on both sides.

    Attributes:
        measure: a column of a run's row, or a metric.
        a, b: its values; None if there is none.
        variance: of b - a by noise alone, in the measure's unit squared; None if it is unknown.
        note: why a value is missing, or why the two cannot be compared, else "".
        comparable: whether both mean the same.
    """

    measure: str
    a: float | None
    b: float | None
    variance: float | None = None
    note: str = ""
    comparable: bool = True


def row_pairs(a: Row, b: Row) -> Iterator[PairedNumber]:
    """Pair the numbers of two ok rows, except those that neither has."""
    variance = _floor_variance(a, b)
    reasons = [json_object(row["missing"]) for row in (a, b)]
    for name in (*FLOORED, *UNFLOORED, *LEAST):
        values = _number(a[name]), _number(b[name])
        if values == (None, None):
            continue
        absent = [why for why, value in zip(reasons, values, strict=True) if value is None]
        note = next((str(why[name]) for why in absent if name in why), "")
        comparable = True
        if name in LEAST and differ(a, b, CIRCUMSTANCES["device or threads"]):
            note, comparable = "another device or number of threads", False
        versions = [json_object(row["metric_versions"]).get(name, 1) for row in (a, b)]
        if versions[0] != versions[1]:
            note, comparable = f"its definition went from version {versions[0]} to {versions[1]}", False
        yield PairedNumber(name, *values, variance if name in FLOORED else None, note, comparable)


def metric_pairs(a: Iterable[Row], b: Iterable[Row]) -> Iterator[PairedNumber]:
    """Pair the metrics of the unlearned model that both runs were evaluated for, without those in the rows.

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
        variance, same = _bootstrap_variance(one, other), versions[0] == versions[1]
        yield PairedNumber(name, _number(one["value"]), _number(other["value"]), variance, note, same)


def circumstances(pairs: Iterable[tuple[Row, Row]]) -> str:
    """Describe in one line what else differs, and in how many of the common runs; "" if nothing does.

    Args:
        pairs: the rows of runs on both sides.
    """
    known = list(pairs)
    counts = {what: sum(differ(a, b, columns) for a, b in known) for what, columns in CIRCUMSTANCES.items()}
    counted = ", ".join(f"{what} ({count})" for what, count in counts.items() if count)
    return f"what else differs, and in how many of {len(known)} common runs: {counted}" if counted else ""


def differ(a: Row, b: Row, columns: Iterable[str]) -> bool:
    """Return True if two rows differ in one of the columns by more than rounding; JSON is compared by its meaning."""
    return not all(_alike(_plain(a[name]), _plain(b[name])) for name in columns)


def _alike(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=ROUNDING, abs_tol=ROUNDING)
    return bool(one == other)


def _plain(value: Any) -> Any:
    return sorted_json(value) if isinstance(value, str) else value


def _floor_variance(a: Row, b: Row) -> float | None:
    """Estimate the variance of a difference of two trainings that differ only in their seed.

    The floor is a mean of absolute differences, which for normal ones is sqrt(2 / pi) of their standard deviation. A
    floor of 0 does not promise that there is no noise: accuracies are coarse, and all may have come out at 100 %.
    """
    floors = [row["avg_gap_floor"] for row in (a, b) if present(row["avg_gap_floor"])]
    mean = sum(floors) / len(floors) if floors else 0.0
    return math.pi / 2 * mean**2 or None


def _bootstrap_variance(a: Row, b: Row) -> float | None:
    """Estimate the variance of a difference by drawing examples anew: the sum of both, as if drawn independently."""
    if not all(present(row[end]) for row in (a, b) for end in ("low", "high")):
        return None
    return sum(((row["high"] - row["low"]) / 2 / _TAIL) ** 2 for row in (a, b)) or None


def _number(value: Any) -> float | None:
    return float(value) if present(value) else None
