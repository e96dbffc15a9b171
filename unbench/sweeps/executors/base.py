"""What a sweep asks of an executor."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any

from unbench.sweeps.tasks import Outcome, Task


class Executor(ABC):
    """A way to do tasks, several at a time.

    Args:
        slots: number of tasks that it takes; more would only wait.

    Attributes:
        running: tasks under way, by the executor's own handle of each.
    """

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.running: dict[Any, Task] = {}

    @property
    def room(self) -> int:
        """Number of further tasks that it takes."""
        return self.slots - len(self.running)

    def submit(self, tasks: Sequence[Task]) -> None:
        """Start some tasks, now or when a worker is free."""
        self.running |= zip(self.start(tasks), tasks, strict=True)

    def finished(self, patience: float) -> list[tuple[Task, Outcome]]:
        """Return the tasks that ended since the last call; wait up to `patience` seconds for the first."""
        return [(self.running.pop(handle), outcome) for handle, outcome in self.ended(patience)]

    @abstractmethod
    def start(self, tasks: Sequence[Task]) -> Iterable[Any]:
        """Hand out tasks; return a handle of each."""

    @abstractmethod
    def ended(self, patience: float) -> list[tuple[Any, Outcome]]:
        """Return the handles of tasks that ended, or whose worker did; wait up to `patience` seconds for the first."""

    @abstractmethod
    def close(self) -> None:
        """Stop running tasks. What was stored stays."""
