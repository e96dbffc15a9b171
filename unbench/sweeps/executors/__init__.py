"""Where tasks are done: by processes of this machine, by Ray, or by Slurm. The same tasks give the same numbers."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from unbench.errors import SpecError
from unbench.experiment.settings import Settings
from unbench.sweeps.executors.base import Executor

EXECUTORS = {"local": "LocalExecutor", "ray": "RayExecutor", "slurm": "SlurmExecutor"}
"""Modules of this package, which import the package that they need, and the class of each."""


def open_executor(name: str, jobs: int, settings: Settings, options: Mapping[str, Any]) -> Executor:
    """Start an executor.

    Args:
        name: one of EXECUTORS.
        jobs: tasks at a time.
        settings: where they work.
        options: of Ray or Slurm, as the sweep file has them.

    Raises:
        SpecError: its package is not installed, or an option is not known to it.
    """
    try:
        module = import_module(f"{__name__}.{name}")
    except ModuleNotFoundError as error:
        raise SpecError(f'the executor needs {error.name}: pip install "unbench[{name}]"') from error
    executor: Executor = getattr(module, EXECUTORS[name])(jobs, settings, options)
    return executor
