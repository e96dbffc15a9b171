"""unbench: an honest benchmark of machine-unlearning methods for image classification.

The functions below are what the command line calls (`unbench list methods` is `list_methods`, and so on); each is
imported on first use, so that `import unbench` is instant. The imports under TYPE_CHECKING are the one table of names:
type checkers read it, and so does this module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unbench.analysis.comparison.compare import diff as diff
    from unbench.analysis.evaluation import evaluate as evaluate
    from unbench.cli.check import check_all as check_all
    from unbench.cli.check import check_dataset as check_dataset
    from unbench.cli.check import check_method as check_method
    from unbench.cli.listing import list_datasets as list_datasets
    from unbench.cli.listing import list_methods as list_methods
    from unbench.cli.listing import list_metrics as list_metrics
    from unbench.cli.listing import list_runs as list_runs
    from unbench.cli.listing import list_scenarios as list_scenarios
    from unbench.cli.listing import show_dataset as show_dataset
    from unbench.cli.listing import show_method as show_method
    from unbench.cli.listing import show_metric as show_metric
    from unbench.cli.listing import show_run as show_run
    from unbench.cli.scaffold import new_method as new_method
    from unbench.config.registry import add_plugin as add_plugin
    from unbench.data import load_dataset as load_dataset
    from unbench.deployment.costs import cost as cost
    from unbench.deployment.forget import forget as forget
    from unbench.deployment.predict import predict as predict
    from unbench.deployment.train import train as train
    from unbench.experiment.run import run as run
    from unbench.experiment.shadow_models.grow import shadow as shadow
    from unbench.experiment.tuning import tune as tune
    from unbench.reporting import report as report
    from unbench.reporting.export import export as export
    from unbench.store.results import load_metrics as load_metrics
    from unbench.store.results import load_outputs as load_outputs
    from unbench.store.results import load_results as load_results
    from unbench.sweeps.garbage import find_garbage as find_garbage
    from unbench.sweeps.status import status as status
    from unbench.sweeps.sweep import sweep as sweep
    from unbench.sweeps.sweep_file import SweepCard as SweepCard
    from unbench.sweeps.sweep_file import read_sweep as read_sweep

    __version__: str


def _homes() -> dict[str, str]:
    """Return the module of each public name, read from the imports above."""
    import ast
    from pathlib import Path

    imports = [
        node for node in ast.walk(ast.parse(Path(__file__).read_text("utf-8"))) if isinstance(node, ast.ImportFrom)
    ]
    return {alias.name: str(node.module) for node in imports for alias in node.names if alias.asname}


def __dir__() -> list[str]:
    return sorted({*_homes(), "__version__", *(name for name in globals() if name.startswith("__"))})


def __getattr__(name: str) -> Any:
    from importlib import import_module, metadata

    if name == "__all__":
        value: Any = sorted(_homes())
    elif name == "__version__":
        value = metadata.version("unbench")
    elif name == "registry":  # its former place, which scripts of other people know
        value = import_module("unbench.config.registry")
    elif name in (homes := _homes()):
        value = getattr(import_module(homes[name]), name)
    else:
        raise AttributeError(f"module 'unbench' has no attribute '{name}'")
    globals()[name] = value
    return value
