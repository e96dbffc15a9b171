"""Where tasks are done: by processes of this machine, by Ray, or by Slurm. The same tasks give the same numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from unbench.errors import SpecError
from unbench.sweeps.executors.base import Executor
from unbench.sweeps.machine import gpus
from unbench.sweeps.plan import Site

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Executor", "open_executor"]


def open_executor(name: str, jobs: int, site: Site, options: Mapping[str, Any]) -> Executor:
    """Start an executor.

    Args:
        name: "local", "ray" or "slurm".
        jobs: tasks at a time.
        site: where they work.
        options: of Ray or Slurm, as the sweep file has them.

    Raises:
        SpecError: its package is not installed, or an option is not known to it.
    """
    if name == "local":
        from unbench.sweeps.executors.local import LocalExecutor

        return LocalExecutor(jobs, site, gpus(site.device))
    try:
        if name == "ray":
            from unbench.sweeps.executors.ray import RayExecutor

            return RayExecutor(jobs, site, options)
        from unbench.sweeps.executors.slurm import SlurmExecutor

        return SlurmExecutor(jobs, site, options)
    except ModuleNotFoundError as error:
        raise SpecError(f'the executor needs {error.name}: pip install "unbench[{name}]"') from error
