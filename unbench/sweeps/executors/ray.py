"""An existing Ray cluster, or one of this machine. All its machines must see the results folder and the data."""

from collections.abc import Mapping, Sequence
from typing import Any

import ray

from unbench.errors import SpecError, UnknownNameError
from unbench.experiment.settings import Settings
from unbench.sweeps.executors.base import Executor
from unbench.sweeps.tasks import Outcome, Task
from unbench.sweeps.work import perform

OPTIONS = {"address": None, "gpus": None, "retries": 2}
"""Of the table [ray] in a sweep file: the cluster (else RAY_ADDRESS, else one of this machine), the share of a GPU that
a task takes (default 1 where the cluster has any, else 0), and how often a task whose worker was lost is done again."""


class RayExecutor(Executor):
    """Tasks of a Ray cluster.

    Args:
        jobs: tasks at a time.
        settings: where they work.
        options: see OPTIONS.

    Raises:
        SpecError: an option is unknown, or there is no such cluster.
    """

    def __init__(self, jobs: int, settings: Settings, options: Mapping[str, Any]) -> None:
        super().__init__(jobs)
        for name in options:
            if name not in OPTIONS:
                raise UnknownNameError("option of [ray]", name, OPTIONS)
        options = {**OPTIONS, **options}
        self._settings, self._owner = settings, not ray.is_initialized()
        if self._owner:
            _connect(options["address"], jobs * settings.threads)
        gpus = options["gpus"] if options["gpus"] is not None else min(1, ray.cluster_resources().get("GPU", 0))
        self._perform = ray.remote(perform).options(
            num_cpus=settings.threads, num_gpus=gpus, max_retries=options["retries"], retry_exceptions=False
        )

    def start(self, tasks: Sequence[Task]) -> list[ray.ObjectRef]:
        """Hand tasks to Ray."""
        return [self._perform.remote(task, self._settings) for task in tasks]

    def ended(self, patience: float) -> list[tuple[Any, Outcome]]:
        """Return tasks that ended, or whose worker was lost for good."""
        done, _ = ray.wait(list(self.running), num_returns=1, timeout=patience)
        return [(one, _outcome(one)) for one in done]

    def close(self) -> None:
        """Cancel running tasks, and end a cluster that was started here."""
        for one in self.running:
            ray.cancel(one, force=True)
        if self._owner:
            ray.shutdown()


def _connect(address: str | None, cores: int) -> None:
    quiet: dict[str, Any] = {"include_dashboard": False, "log_to_driver": False, "logging_level": "ERROR"}
    try:
        ray.init(address=address, **quiet)
    except ConnectionError as error:
        if address is not None:
            raise SpecError(f"there is no Ray cluster at '{address}': {error}") from error
        ray.init(num_cpus=cores, **quiet)


def _outcome(done: ray.ObjectRef) -> Outcome:
    try:
        outcome: Outcome = ray.get(done)
    except ray.exceptions.RayError as error:
        return Outcome("died", f"Ray lost its worker: {str(error).splitlines()[0]}")
    return outcome
