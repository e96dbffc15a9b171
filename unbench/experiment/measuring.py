"""Metrics of stored runs, computed from their outputs without training or loading a model."""

from __future__ import annotations

import json
import re
from typing import Any

from unbench.errors import StoreError
from unbench.metrics import METRICS, RunOutputs
from unbench.metrics.estimates import measure, row_metrics
from unbench.store.metric_rows import MetricsFile, identity_of
from unbench.store.results import Store, load_outputs, read_row
from unbench.store.schema import MEASURED, Row


def remeasured(store: Store, row: dict[str, Any]) -> dict[str, Any]:
    """Return a stored ok row with metrics of the current definitions, computed now if those stored are older.

    A row without stored outputs is returned as it is.

    Raises:
        StoreError: its outputs or metrics are corrupt.
    """
    if not _is_outdated(row) or not store.outputs_path(row).is_file():
        return row
    outputs = RunOutputs.from_table(load_outputs(store.folder, row), forget_class(row))
    file = MetricsFile(store, store.metrics_path(row), identity_of(row))
    lacking = [(metric, of) for metric, of in row_metrics(outputs) if file.lacks(metric.name, of, metric.version)]
    for one in measure(outputs, lacking):
        file.add(one)
    file.save()
    return read_row(store.run_path(row))


def forget_class(row: Row) -> int | None:
    """Return the label of the forgotten class of a stored run, or None.

    Raises:
        StoreError: the column does not begin with a number.
    """
    if not isinstance(row["forget_class"], str):  # None, or what pandas has in its place
        return None
    number = re.match(r"\d+", row["forget_class"])
    if number is None:
        raise StoreError(f"run {row['run_key']}: forget_class '{row['forget_class']}' does not begin with a number")
    return int(number[0])


def _is_outdated(row: Row) -> bool:
    """Return True if a metric of the row is older than its definition, or if the row has lost its metrics."""
    reasons, versions = (json.loads(row[name] or "{}") for name in ("missing", "metric_versions"))
    present = {column for column in MEASURED if row[column] is not None or column in reasons}
    older = any(versions.get(column, 1) < METRICS[MEASURED[column][0]].version for column in present)
    return older or "test_acc" not in present
