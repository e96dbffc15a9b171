"""Values of metrics with their bootstrap intervals, or the reasons why there are none."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any, cast

import numpy as np

from unbench.metrics.outputs import MissingValue, Model, RunOutputs
from unbench.metrics.registry import METRICS, Metric, Number
from unbench.metrics.uncertainty import bootstrap_interval
from unbench.store.metric_rows import MetricRow
from unbench.store.schema import MEASURED, NEEDS_PATHWAY

RESAMPLES = 200
"""Number of bootstrap resamples: enough for the ends of a 95 % interval to two digits, and fast."""


def estimate(metric: Metric, of: Model, plain: Callable[[], Number], resampled: Callable[[], Number]) -> MetricRow:
    """Compute a metric of a model on examples as they are, and on their resamples if the metric has an interval."""
    try:
        value = float(plain())
    except MissingValue as reason:
        return metric.row(of, missing=str(reason))
    if not np.isfinite(value):
        return metric.row(of, missing=f"it came out as {value}")
    bounds = None
    if metric.interval:
        with suppress(MissingValue):
            bounds = bootstrap_interval(np.asarray(resampled()))
    low, high = bounds or (None, None)
    return metric.row(of, value=value, low=low, high=high)


def estimate_of_run(metric: Metric, outputs: RunOutputs, model: Model, *evidence: Any) -> MetricRow:
    """Compute a metric of one model of a run.

    Args:
        metric: which needs outputs, references or probes.
        outputs: of the run.
        model: of the run.
        evidence: what the metric needs besides outputs: References or ProbeOutputs.
    """
    resampled = outputs.once("resampled", lambda: outputs.resampled(RESAMPLES))
    plain, drawn = (partial(metric.of, each, model, *evidence) for each in (outputs, resampled))
    return estimate(metric, model, plain, drawn)


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
    return [estimate_of_run(metric, outputs, model) for metric, model in row_metrics(outputs)]
