"""unbench: an honest benchmark of machine-unlearning methods for image classification.

The functions below are what the command line calls (`unbench list methods` is `list_methods`, and so on); each is
imported on first use, so that `import unbench` is instant.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unbench.analysis.comparison.compare import diff
    from unbench.analysis.evaluation import evaluate
    from unbench.cli.check import check_all, check_dataset, check_method
    from unbench.cli.listing import (
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
    from unbench.cli.scaffold import new_method
    from unbench.config.registry import add_plugin
    from unbench.data import load_dataset
    from unbench.deployment.costs import cost
    from unbench.deployment.forget import forget
    from unbench.deployment.predict import predict
    from unbench.deployment.train import train
    from unbench.experiment.run import run
    from unbench.experiment.shadow_models.grow import shadow
    from unbench.experiment.tuning import tune
    from unbench.report import report
    from unbench.report.export import export
    from unbench.store.results import load_metrics, load_outputs, load_results
    from unbench.sweeps.garbage import find_garbage
    from unbench.sweeps.status import status
    from unbench.sweeps.sweep import sweep
    from unbench.sweeps.sweep_file import SweepCard, read_sweep

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
    "SweepCard": "unbench.sweeps.sweep_file",
    "add": "unbench.config.registry",
    "check": "unbench.cli.check",
    "cost": "unbench.deployment.costs",
    "diff": "unbench.analysis.comparison.compare",
    "evaluate": "unbench.analysis.evaluation",
    "export": "unbench.report.export",
    "find_garbage": "unbench.sweeps.garbage",
    "forget": "unbench.deployment.forget",
    "list": "unbench.cli.listing",
    "predict": "unbench.deployment.predict",
    "shadow": "unbench.experiment.shadow_models.grow",
    "show": "unbench.cli.listing",
    "load_dataset": "unbench.data",
    "load": "unbench.store.results",
    "new": "unbench.cli.scaffold",
    "read_sweep": "unbench.sweeps.sweep_file",
    "report": "unbench.report",
    "run": "unbench.experiment.run",
    "status": "unbench.sweeps.status",
    "sweep": "unbench.sweeps.sweep",
    "train": "unbench.deployment.train",
    "tune": "unbench.experiment.tuning",
}


def __getattr__(name: str) -> Any:
    if name == "registry":  # its former place, which scripts of other people know
        return importlib.import_module("unbench.config.registry")
    if name not in __all__:
        raise AttributeError(f"module 'unbench' has no attribute '{name}'")
    home = _HOMES.get(name) or _HOMES[name.partition("_")[0]]
    value = globals()[name] = getattr(importlib.import_module(home), name)
    return value
