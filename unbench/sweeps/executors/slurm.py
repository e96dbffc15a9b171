"""Slurm through submitit: what can begin at the same time is one job array. All nodes must see results and data."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import submitit

from unbench.errors import SpecError
from unbench.experiment.settings import Settings
from unbench.sweeps.executors.base import Executor
from unbench.sweeps.tasks import Outcome, Task
from unbench.sweeps.work import perform

LOOK = 0.2
"""Seconds between two looks at the jobs, which submitit itself asks Slurm about much less often."""

WHOLE = 1000
"""Tasks of one array; queues refuse larger ones."""

A_DAY = 24 * 60
"""Minutes of a job, unless the options give another number."""


class SlurmExecutor(Executor):
    """Jobs of a queue.

    Args:
        jobs: of an array that run at a time.
        settings: where they work.
        options: of the table [slurm] in a sweep file: `cluster` ("slurm", or "local" and "debug" to try without one),
            and whatever submitit's AutoExecutor.update_parameters takes, such as timeout_min (default: a day),
            mem_gb, gpus_per_node, slurm_partition, slurm_account.

    Raises:
        SpecError: submitit refuses an option, or there is no Slurm here.
    """

    def __init__(self, jobs: int, settings: Settings, options: Mapping[str, Any]) -> None:
        parameters = {
            "name": "unbench",
            "cpus_per_task": settings.threads,
            "slurm_array_parallelism": jobs,
            "timeout_min": A_DAY,  # five minutes, submitit's default, would end most trainings
            **options,
        }
        cluster = parameters.pop("cluster", "slurm")
        try:
            self._executor = submitit.AutoExecutor(settings.store.logs / "slurm", cluster=cluster)
            self._executor.update_parameters(**parameters)
        except (ValueError, TypeError, NameError, RuntimeError) as error:
            raise SpecError(f"submitit refuses the table [slurm]: {' '.join(str(error).split())}") from error
        # Slurm queues what it has no room for.
        super().__init__(WHOLE if self._executor.cluster == "slurm" else jobs)
        self._settings = settings

    def start(self, tasks: Sequence[Task]) -> list[submitit.Job[Outcome]]:
        """Submit tasks as one array."""
        with self._executor.batch():
            return [self._executor.submit(perform, task, self._settings) for task in tasks]

    def ended(self, patience: float) -> list[tuple[Any, Outcome]]:
        """Return tasks whose job ended."""
        until = time.monotonic() + patience
        while True:
            done = [job for job in self.running if job.done()]
            if done or time.monotonic() >= until:
                return [(job, _outcome(job)) for job in done]
            time.sleep(LOOK)

    def close(self) -> None:
        """Cancel running and waiting jobs."""
        for job in self.running:
            job.cancel(check=False)


def _outcome(job: submitit.Job[Outcome]) -> Outcome:
    error = job.exception()
    if error is None:
        return job.result()
    if isinstance(error, submitit.core.utils.UncompletedJobError):
        # Its message is the end of the log, whatever that is about.
        return Outcome(
            "died", f"its job {job.job_id} ended as {job.state}, without a result; see {job.paths.stderr.name}"
        )
    return Outcome("died", f"its job {job.job_id} could not do it: {' '.join(str(error).split())}")
