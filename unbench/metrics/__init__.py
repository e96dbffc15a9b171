"""Metrics: pure functions of stored outputs. Importing this package registers them all, without torch."""

from unbench.metrics import (
    accuracy,
    calibration,
    divergence,
    membership,
    pathways,
    relearning,
    representation,
    restoration,
    tug_of_war,
)
from unbench.metrics.gap import MEASURES, average_gap
from unbench.metrics.outputs import Examples, MissingValue, Model, RunOutputs
from unbench.metrics.registry import METRICS, Metric

__all__ = [
    "MEASURES",
    "METRICS",
    "Examples",
    "Metric",
    "MissingValue",
    "Model",
    "RunOutputs",
    "accuracy",
    "average_gap",
    "calibration",
    "divergence",
    "membership",
    "pathways",
    "relearning",
    "representation",
    "restoration",
    "tug_of_war",
]
