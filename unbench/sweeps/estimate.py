"""How long tasks will take, by what the like of them took."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from unbench.config.grammar import parse_call
from unbench.sweeps.plan import Task

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = {"original": "train_seconds", "oracle": "oracle_seconds", "oracle_2": "oracle_seconds", "run": "seconds"}
"""Where a row says how long a task of each kind took."""


@dataclass(frozen=True)
class Estimate:
    """Seconds of work, one task after the other, and how many tasks they leave out because none like them was seen."""

    seconds: float
    unknown: int


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
        """Of one task, or None if nothing like it was seen."""
        asked = task.request
        place = (task.kind, asked.dataset, asked.preset)
        of_method = self._medians.get((*place, parse_call(asked.method)[0]))
        # Post-hoc methods share their stages, so that another's will do; the time of a run is the method's own.
        return of_method if of_method is not None or task.kind == "run" else self._medians.get(place)

    def total(self, tasks: Iterable[Task]) -> Estimate:
        """Of many tasks."""
        known = [self.seconds(task) for task in tasks]
        return Estimate(sum(one for one in known if one is not None), known.count(None))
