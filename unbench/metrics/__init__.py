"""Metrics: pure functions of stored outputs. Importing this package registers them all, without torch."""

from importlib import import_module
from pkgutil import iter_modules

from unbench.metrics.gap import MEASURES, average_gap
from unbench.metrics.outputs import Examples, MissingValue, Model, RunOutputs
from unbench.metrics.registry import METRICS, Metric

__all__ = ["MEASURES", "METRICS", "Examples", "Metric", "MissingValue", "Model", "RunOutputs", "average_gap"]

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
