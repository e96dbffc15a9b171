"""Metrics of stored runs, computed from their outputs without training or loading a model."""

from __future__ import annotations

import re
from typing import Any

from unbench.errors import StoreError
from unbench.metrics import Metric, Model, RunOutputs
from unbench.metrics.estimates import estimate_of_run, row_metrics
from unbench.store.metric_rows import MetricsFile, identity_of
from unbench.store.results import Store, load_outputs, read_row
from unbench.store.schema import Row


def remeasured(store: Store, row: dict[str, Any]) -> dict[str, Any]:
    """Return a stored ok row with each of its metrics as defined today, computed now where it lacks one.

    A row without stored outputs is returned as it is.

    Raises:
        StoreError: its outputs are corrupt.
    """
    file = MetricsFile(store, store.metrics_path(row), identity_of(row))

    def lacking(outputs: RunOutputs | None = None) -> list[tuple[Metric, Model]]:
        return [(metric, of) for metric, of in row_metrics(outputs) if file.lacks(metric.name, of, metric.version)]

    if not lacking() or not store.outputs_path(row).is_file():
        return row
    outputs = RunOutputs.from_table(load_outputs(store.folder, row), forget_class(row))
    for metric, model in lacking(outputs):
        file.add(estimate_of_run(metric, outputs, model).row(metric, model))
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
