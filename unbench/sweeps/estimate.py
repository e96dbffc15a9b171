"""How long tasks will take, judging by similar ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from unbench.sweeps.tasks import Task

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = {"original": "train_seconds", "oracle": "oracle_seconds", "oracle_2": "oracle_seconds", "run": "seconds"}
"""Columns with the seconds that a task of each kind took."""


@dataclass(frozen=True)
class Duration:
    """Seconds of work, one task after the other, and the number of tasks left out because none like them was seen.

    >>> str(Duration(5000, 0))
    'about 1 h 23 min'
    >>> str(Duration(0, 3))
    'unknown: no past runs are like these 3 tasks'
    """

    seconds: float
    unknown: int

    def __str__(self) -> str:
        if self.unknown and not self.seconds:
            return f"unknown: no past runs are like these {self.unknown} tasks"
        hours, minutes = divmod(round(self.seconds / 60), 60)
        text = f"{hours} h {minutes} min" if hours else f"{minutes} min" if minutes else f"{self.seconds:.0f} s"
        more = f", and the time of {self.unknown} tasks that no past run is like" if self.unknown else ""
        return f"about {text}{more}"


class Estimator:
    """Medians over past runs on the same data set and preset, of the same method where that matters.

    Args:
        history: rows of runs, columns as in unbench.store.schema.COLUMNS.
    """

    def __init__(self, history: pd.DataFrame) -> None:
        self._history = history

    @cached_property
    def _medians(self) -> dict[tuple[str, ...], float]:
        found: dict[tuple[str, ...], float] = {}
        done = self._history[self._history["status"] == "ok"]
        for kind, column in COLUMNS.items():
            seen = done.dropna(subset=[column])
            for by in (["dataset", "preset", "method"], ["dataset", "preset"]):
                for key, values in seen.groupby(by)[column]:
                    found[(kind, *map(str, key))] = float(values.median())
        return found

    def seconds(self, task: Task) -> float | None:
        """Return the seconds of one task, or None if nothing like it was seen."""
        place = (task.kind, task.spec.dataset.name, task.spec.preset_name)
        of_method = self._medians.get((*place, task.spec.method.name))
        # Post-hoc methods share their reference models, so any method's will do; the time of a run is its method's own.
        return of_method if of_method is not None or task.kind == "run" else self._medians.get(place)

    def total(self, tasks: Iterable[Task]) -> Duration:
        """Return the duration of many tasks."""
        known = [self.seconds(task) for task in tasks]
        return Duration(sum(one for one in known if one is not None), known.count(None))
