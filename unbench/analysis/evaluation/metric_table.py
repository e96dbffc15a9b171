"""The table of metrics of one run or cell: what is said of a run, and of a metric of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from unbench.analysis.evaluation.compute import Estimate
from unbench.errors import StoreError
from unbench.metrics import Metric, Model
from unbench.store.results import Store


class MetricTable:
    """The metrics of one run or cell: what is stored of them, and what is added.

    Args:
        store: the results folder.
        path: of the file, which need not be there.
        identity: the columns that say whose metrics these are.
    """

    def __init__(self, store: Store, path: Path, identity: Mapping[str, Any]) -> None:
        self._store, self._path, self._identity = store, path, identity
        self._rows = self._stored()
        self._added: dict[tuple[str, str], dict[str, Any]] = {}

    def lacks(self, metric: Metric, model: Model, shadows: int | None) -> bool:
        """Whether there is no value or reason by this definition, from this many shadow models."""
        row = self._added.get((metric.name, model)) or self._rows.get((metric.name, model))
        return row is None or (row["metric_version"], row["shadows"]) != (metric.version, shadows)

    def add(self, metric: Metric, model: Model, found: Estimate, shadows: int | None) -> None:
        """Put a value, or the reason why there is none, in the place of an older one."""
        self._added[metric.name, model] = {
            **self._identity,
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

    def save(self) -> None:
        """Write the file if anything was added, with what another process has written there meanwhile."""
        if self._added:
            with self._store.lock("metrics"):
                self._store.write_metrics(self._path, list({**self._stored(), **self._added}.values()))

    def _stored(self) -> dict[tuple[str, str], dict[str, Any]]:
        rows = self._store.recover(self._path, self._store.read_metrics) or []
        return {(row["metric"], row["of"]): row for row in rows}


def run_identity(row: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that say of which run a metric is."""
    same = ("run_key", "attempt", "method", "method_version", "hparams", "dataset", "scenario", "preset", "seed")
    return {**{name: row[name] for name in same}, "backbone": row["model"]}


def forget_class(row: Mapping[str, Any]) -> int | None:
    """Label of the forgotten class of a stored run, or None.

    Raises:
        StoreError: the column does not begin with a number.
    """
    if not isinstance(row["forget_class"], str):  # None, or what pandas has in its place
        return None
    number = re.match(r"\d+", row["forget_class"])
    if number is None:
        raise StoreError(f"run {row['run_key']}: forget_class '{row['forget_class']}' does not begin with a number")
    return int(number[0])
