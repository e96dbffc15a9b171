"""Values of metrics with their bootstrap intervals, or the reasons why there are none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from unbench.metrics.outputs import MissingValue, Model, RunOutputs
from unbench.metrics.registry import METRICS, Metric, Number
from unbench.metrics.uncertainty import bootstrap_interval
from unbench.store.metric_rows import MetricRow
from unbench.store.schema import MEASURED, NEEDS_PATHWAY

RESAMPLES = 200
"""Number of bootstrap resamples: enough for the ends of a 95 % interval to two digits, and fast."""


@dataclass(frozen=True)
class Estimate:
    """A value in the metric's unit with the ends of its bootstrap interval, or the reason why it is missing."""

    value: float | None
    low: float | None = None
    high: float | None = None
    missing: str | None = None

    def row(self, metric: Metric, of: str, shadows: int | None = None) -> MetricRow:
        """Return the row to store: the value of a metric of one model, computed from this many shadow models."""
        return MetricRow(metric.name, of, metric.version, self.value, self.low, self.high, self.missing, shadows)


def estimate(metric: Metric, plain: Callable[[], Number], resampled: Callable[[], Number]) -> Estimate:
    """Compute a metric of examples as they are, and of their resamples if the metric has an interval."""
    try:
        value = float(plain())
    except MissingValue as reason:
        return Estimate(None, missing=str(reason))
    if not np.isfinite(value):
        return Estimate(None, missing=f"it came out as {value}")
    if not metric.interval:
        return Estimate(value)
    try:
        bounds = bootstrap_interval(np.asarray(resampled()))
    except MissingValue:
        bounds = None
    return Estimate(value, *(bounds or (None, None)))


def estimate_of_run(metric: Metric, outputs: RunOutputs, model: Model, *evidence: Any) -> Estimate:
    """Compute a metric of one model of a run.

    Args:
        metric: which needs outputs, references or probes.
        outputs: of the run.
        model: of the run.
        evidence: what the metric needs besides outputs: References or ProbeOutputs.
    """
    resampled = outputs.once("resampled", lambda: outputs.resampled(RESAMPLES))
    return estimate(
        metric,
        lambda: metric.of(outputs, model, *evidence),
        lambda: metric.of(resampled, model, *evidence),
    )


def row_metrics(outputs: RunOutputs | None = None) -> Iterator[tuple[Metric, Model]]:
    """Yield each metric that a run's row has a column for, and its model.

    Args:
        outputs: of the run; those with pathways have more metrics. None: the metrics that every run has.
    """
    models = outputs.logits if outputs is not None else ()
    for column, (metric, of) in MEASURED.items():
        if column not in NEEDS_PATHWAY or NEEDS_PATHWAY[column] in models:
            yield METRICS[metric], cast(Model, of)


def measure(outputs: RunOutputs) -> list[MetricRow]:
    """Compute the metrics that a run's row has columns for."""
    return [estimate_of_run(metric, outputs, model).row(metric, model) for metric, model in row_metrics(outputs)]
