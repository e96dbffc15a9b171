"""What a sweep asks of an executor, and what its workers do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from unbench.experiment.settings import Settings
from unbench.sweeps.tasks import Outcome, Task


class Executor(Protocol):
    """A way to do tasks, several at a time."""

    @property
    def room(self) -> int:
        """Number of further tasks that it takes; more would only wait."""

    def submit(self, tasks: Sequence[Task]) -> None:
        """Start some tasks, now or when a worker is free."""

    def finished(self, patience: float) -> list[tuple[Task, Outcome]]:
        """Return the tasks that ended since the last call; wait up to `patience` seconds for the first."""

    def close(self) -> None:
        """Stop running tasks. What was stored stays."""


def perform(task: Task, settings: Settings) -> Outcome:
    """Do a task in a worker, which imports torch for that."""
    from unbench.sweeps.work import perform as perform_here

    return perform_here(task, settings)
