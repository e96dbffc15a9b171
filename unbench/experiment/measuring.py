"""Metrics of one stored run, computed without training or loading a model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from unbench.errors import StoreError
from unbench.experiment.shadow_models.pool import ShadowPool
from unbench.experiment.shadow_models.reading import pool_of, references
from unbench.metrics import Metric, MissingValue, Model, RunOutputs
from unbench.metrics.estimates import estimate_of_run, row_metrics
from unbench.metrics.probed import ProbeOutputs
from unbench.metrics.shadows import References
from unbench.store.metric_rows import MetricRow, MetricsFile, identity_of
from unbench.store.results import Store, load_outputs, read_row
from unbench.store.schema import Row

if TYPE_CHECKING:
    import pyarrow as pa


def remeasured(store: Store, row: dict[str, Any]) -> dict[str, Any]:
    """Return a stored ok row with each of its metrics as defined today; one without stored outputs as it is.

    Raises:
        StoreError: its outputs are corrupt.
    """
    if not store.outputs_path(row).is_file():
        return row
    fill(store, row)
    return read_row(store.run_path(row))


def fill(store: Store, row: Row, metrics: Sequence[Metric] = ()) -> None:
    """Compute which of these metrics, and of those that its row has columns for, one run lacks.

    Raises:
        StoreError: its outputs are not there, or a file is corrupt.
    """
    file, evidence = MetricsFile(store, store.metrics_path(row), identity_of(row)), _Evidence(store, row)
    pairs = dict.fromkeys([*row_metrics(), *((metric, model) for metric in metrics for model in metric.models)])
    if any(evidence.lacks(file, *pair) for pair in pairs):  # else the outputs need not be read
        for metric, model in pairs | dict.fromkeys(row_metrics(evidence.outputs)):
            if evidence.lacks(file, metric, model):
                file.add(replace(evidence.estimate(metric, model), shadows=evidence.shadows(metric)))
        file.save()


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


@dataclass
class _Evidence:
    """What the metrics of one run are computed from, read when it is first needed."""

    store: Store
    row: Row

    @cached_property
    def table(self) -> pa.Table:
        return load_outputs(self.store.folder, self.row)

    @cached_property
    def outputs(self) -> RunOutputs:
        return RunOutputs.from_table(self.table, forget_class(self.row))

    @cached_property
    def pool(self) -> ShadowPool | None:
        return pool_of(self.store.shadows, self.row)

    @cached_property
    def references(self) -> References:
        """Outputs of models trained on random halves; raises MissingValue if there are none."""
        if self.pool is None:
            raise MissingValue("there are no shadow models; 'unbench shadow' trains them")
        return references(self.pool, self.table)

    @cached_property
    def probes(self) -> ProbeOutputs:
        """Answers of the models to probes; raises MissingValue if there are none."""
        found = self.store.read_probes(self.row)
        if found is None:
            raise MissingValue("the models were not asked; 'unbench run --probe' does that")
        return ProbeOutputs(*found)

    def shadows(self, metric: Metric) -> int | None:
        """Return the number of shadow models that a metric is computed from, None if it needs none."""
        return len(self.pool.numbers()) if self.pool and metric.needs == "references" else None

    def lacks(self, file: MetricsFile, metric: Metric, model: Model) -> bool:
        # A run can be repeated with --probe, but that is another attempt, with a file of its own.
        return file.lacks(metric.name, model, metric.version, self.shadows(metric))

    def estimate(self, metric: Metric, model: Model) -> MetricRow:
        """Compute a metric, or return the reason why it is missing."""
        try:
            needed = () if metric.needs == "outputs" else (getattr(self, metric.needs),)
        except MissingValue as reason:
            return metric.row(model, missing=str(reason))
        return estimate_of_run(metric, self.outputs, model, *needed)
