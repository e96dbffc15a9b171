"""What a sweep asks of an executor, and what that has its workers do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from unbench.experiment.settings import Settings
from unbench.sweeps.tasks import Outcome, Task


class Executor(Protocol):
    """Does tasks, several at a time."""

    @property
    def room(self) -> int:
        """How many more tasks it wants to hold; more would only wait in it."""

    def submit(self, tasks: Sequence[Task]) -> None:
        """Begin some tasks, now or when there is a worker for them."""

    def finished(self, patience: float) -> list[tuple[Task, Outcome]]:
        """Tasks that ended since the last call, each once; waits up to `patience` seconds for the first."""

    def close(self) -> None:
        """Stop what is under way. What was stored stays."""


def perform(task: Task, settings: Settings) -> Outcome:
    """What executors have their workers do. They need torch; who hands out tasks need not wait for it."""
    from unbench.sweeps.work import perform as perform_here

    return perform_here(task, settings)
