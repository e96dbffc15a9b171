"""One metric of one model: its value and its interval, or why there is none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unbench.metrics import Metric, MissingValue
from unbench.metrics.registry import Number

RESAMPLES = 200
"""Of the bootstrap: enough for the ends of a 95 % interval to two digits, and fast."""

LEVEL = 0.95


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
        low, high = interval(np.asarray(resampled()))
    except MissingValue:
        return Estimate(value)
    return Estimate(value, low, high)


def interval(values: NDArray[np.float64]) -> tuple[float | None, float | None]:
    """Percentile bootstrap interval (Efron and Tibshirani, 1993, chapter 13) of resampled values (B,).

    None where a resample has no value: there are too few examples to say.
    """
    if not np.isfinite(values).all():
        return None, None
    tail = 50 * (1 - LEVEL)
    low, high = np.percentile(values, [tail, 100 - tail])
    return float(low), float(high)
