"""One metric of one model: its value and its interval, or why there is none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from unbench.metrics import Metric, MissingValue
from unbench.metrics.registry import Number
from unbench.metrics.uncertainty import bootstrap_interval

RESAMPLES = 200
"""Of the bootstrap: enough for the ends of a 95 % interval to two digits, and fast."""


@dataclass(frozen=True)
class Estimate:
    """A value in the metric's unit with the ends of its bootstrap interval; what is not there is None."""

    value: float | None
    low: float | None = None
    high: float | None = None
    missing: str | None = None


def estimate(metric: Metric, plain: Callable[[], Number], resampled: Callable[[], Number]) -> Estimate:
    """Compute a metric of examples as they are, and of their resamples where it allows that."""
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
