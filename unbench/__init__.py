"""unbench: an honest benchmark of machine-unlearning methods for image classification.

The functions below are what the command line calls (`unbench list methods` is `list_methods`, and so on); each is
imported on first use, so that `import unbench` is instant.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unbench.catalogue import (
        list_datasets,
        list_methods,
        list_metrics,
        list_runs,
        list_scenarios,
        show_dataset,
        show_method,
        show_metric,
        show_run,
    )
    from unbench.check import check_all, check_dataset, check_method
    from unbench.comparison.compare import diff
    from unbench.data import load_dataset
    from unbench.deployment.costs import cost
    from unbench.deployment.forget import forget
    from unbench.deployment.predict import predict
    from unbench.deployment.train import train
    from unbench.evaluation import evaluate
    from unbench.exporting.export import export
    from unbench.registry import add_plugin
    from unbench.reporting import report
    from unbench.runner import run
    from unbench.scaffold import new_method
    from unbench.shadows.grow import shadow
    from unbench.store import load_metrics, load_outputs, load_results
    from unbench.sweeps.card import SweepCard, read_sweep
    from unbench.sweeps.garbage import find_garbage
    from unbench.sweeps.status import status
    from unbench.sweeps.sweep import sweep
    from unbench.tuning import tune

__all__ = [
    "SweepCard",
    "add_plugin",
    "check_all",
    "check_dataset",
    "check_method",
    "cost",
    "diff",
    "evaluate",
    "export",
    "find_garbage",
    "forget",
    "list_datasets",
    "list_methods",
    "list_metrics",
    "list_runs",
    "list_scenarios",
    "load_dataset",
    "load_metrics",
    "load_outputs",
    "load_results",
    "new_method",
    "predict",
    "read_sweep",
    "report",
    "run",
    "shadow",
    "show_dataset",
    "show_method",
    "show_metric",
    "show_run",
    "status",
    "sweep",
    "train",
    "tune",
]

_HOMES = {
    "SweepCard": "unbench.sweeps.card",
    "add": "unbench.registry",
    "check": "unbench.check",
    "cost": "unbench.deployment.costs",
    "diff": "unbench.comparison.compare",
    "evaluate": "unbench.evaluation",
    "export": "unbench.exporting.export",
    "find_garbage": "unbench.sweeps.garbage",
    "forget": "unbench.deployment.forget",
    "list": "unbench.catalogue",
    "predict": "unbench.deployment.predict",
    "shadow": "unbench.shadows.grow",
    "show": "unbench.catalogue",
    "load_dataset": "unbench.data",
    "load": "unbench.store",
    "new": "unbench.scaffold",
    "read_sweep": "unbench.sweeps.card",
    "report": "unbench.reporting",
    "run": "unbench.runner",
    "status": "unbench.sweeps.status",
    "sweep": "unbench.sweeps.sweep",
    "train": "unbench.deployment.train",
    "tune": "unbench.tuning",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'unbench' has no attribute '{name}'")
    home = _HOMES.get(name) or _HOMES[name.partition("_")[0]]
    value = globals()[name] = getattr(importlib.import_module(home), name)
    return value
