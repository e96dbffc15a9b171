"""The rows of the table of metrics: what is said of a run, and of a metric of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from unbench.errors import StoreError
from unbench.evaluation.compute import Estimate
from unbench.metrics import Metric, Model


def record(metric: Metric, model: Model, found: Estimate, shadows: int | None) -> dict[str, Any]:
    """The columns of a metric that do not say of which run it is."""
    return {
        "metric": metric.name,
        "metric_version": metric.version,
        "of": model,
        "value": found.value,
        "low": found.low,
        "high": found.high,
        "missing": found.missing,
        "shadows": shadows,
        "unbench_version": version("unbench"),
    }


def run_identity(row: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that say of which run a metric is."""
    same = ("run_key", "attempt", "method", "method_version", "hparams", "dataset", "scenario", "preset", "seed")
    return {**{name: row[name] for name in same}, "backbone": row["model"]}


def forget_class(row: Mapping[str, Any]) -> int | None:
    """Label of the forgotten class of a stored run, or None.

    Raises:
        StoreError: the column does not begin with a number.
    """
    if row["forget_class"] is None:
        return None
    number = re.match(r"\d+", row["forget_class"])
    if number is None:
        raise StoreError(f"run {row['run_key']}: forget_class '{row['forget_class']}' does not begin with a number")
    return int(number[0])
