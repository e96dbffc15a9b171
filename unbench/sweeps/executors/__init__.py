"""Where tasks are done: by processes of this machine, by Ray, or by Slurm. The same tasks give the same numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from unbench.errors import SpecError
from unbench.experiment.settings import Settings
from unbench.sweeps.executors.base import Executor
from unbench.sweeps.machine import gpus

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Executor", "open_executor"]


def open_executor(name: str, jobs: int, settings: Settings, options: Mapping[str, Any]) -> Executor:
    """Start an executor.

    Args:
        name: "local", "ray" or "slurm".
        jobs: tasks at a time.
        settings: where they work.
        options: of Ray or Slurm, as the sweep file has them.

    Raises:
        SpecError: its package is not installed, or an option is not known to it.
    """
    if name == "local":
        from unbench.sweeps.executors.local import LocalExecutor

        return LocalExecutor(jobs, settings, gpus(settings.device))
    try:
        if name == "ray":
            from unbench.sweeps.executors.ray import RayExecutor

            return RayExecutor(jobs, settings, options)
        from unbench.sweeps.executors.slurm import SlurmExecutor

        return SlurmExecutor(jobs, settings, options)
    except ModuleNotFoundError as error:
        raise SpecError(f'the executor needs {error.name}: pip install "unbench[{name}]"') from error
