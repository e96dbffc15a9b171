"""What a user sees of a sweep: a live table on a terminal, otherwise a line for each task, and estimates of time."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from unbench.sweeps.plan import Plan
from unbench.sweeps.tasks import KINDS, Kind, Outcome, Task

if TYPE_CHECKING:
    import pandas as pd

LATEST = 8
"""Results that a terminal shows."""


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
        self._medians: dict[tuple[str, ...], float] = {}
        done = history[history["status"] == "ok"]
        for kind, column in COLUMNS.items():
            for by in (["dataset", "preset", "method"], ["dataset", "preset"]):
                medians = done.groupby(by, as_index=False)[column].median().dropna()
                self._medians |= {(kind, *key): seconds for *key, seconds in medians.itertuples(index=False)}

    def seconds(self, task: Task) -> float | None:
        """Return the seconds of one task, or None if nothing like it was seen."""
        place = (task.kind, task.spec.dataset.name, task.spec.preset_name)
        of_method = self._medians.get((*place, task.spec.method.name))
        # Post-hoc methods share their reference models, so any method's will do; the time of a run is its method's own.
        return of_method if of_method is not None or task.kind == "run" else self._medians.get(place)

    def total(self, tasks: Iterable[Task]) -> Duration:
        """Return the total duration of several tasks."""
        known = [self.seconds(task) for task in tasks]
        return Duration(sum(one for one in known if one is not None), known.count(None))


class Display:
    """Counts of tasks by kind, the time that is left, and a line for each task.

    Args:
        log: is given each line; the default shows nothing, for use as a library.
    """

    def __init__(self, log: Callable[[str], None] = lambda line: None) -> None:
        self.log = log

    def planned(self, plan: Plan, jobs: int, history: pd.DataFrame) -> None:
        """Count what is stored and what is to do, and log it and how long it will take."""
        self.todo = {task.id: task for task in plan.tasks}
        self.total = Counter(task.kind for task in plan.tasks)
        self.stored = plan.stored
        self.done: Counter[Kind] = Counter()
        self.running: set[str] = set()
        self.elsewhere: set[str] = set()
        self.latest: deque[str] = deque(maxlen=LATEST)
        self.failures: list[str] = []
        self.jobs = jobs
        self.estimator = Estimator(history)
        for kind, name in self.kinds().items():
            self.log(f"{name}: {self.stored[kind]} stored, {self.total[kind]} to do")
        if self.todo:
            self.log(f"{jobs} at a time; this will take {self.left()}")

    def begun(self, task: Task) -> None:
        """Count one more as running, or waiting in the queue of an executor."""
        self.running.add(task.id)

    def busy(self, task: Task) -> None:
        """Count one as running elsewhere; log it once."""
        self.running.discard(task.id)
        if task.id not in self.elsewhere:
            self.log(f"{task}: another process is at work on it")
        self.elsewhere.add(task.id)

    def ended(self, task: Task, outcome: Outcome) -> None:
        """Count one as done, and log the result."""
        del self.todo[task.id]
        self.running.discard(task.id)
        self.done[task.kind] += 1
        status = outcome.row["status"] if outcome.row else "ok" if outcome.state == "done" else outcome.status
        if status not in ("ok", "skipped"):
            reason = outcome.row["error"] if outcome.row else outcome.reason
            self.failures.append(f"{task}: {status}: {reason}")
        self.latest.append(result(task, outcome))
        self.log(f"[{sum(self.done.values())}/{sum(self.total.values())}] {self.latest[-1]}")

    def kinds(self) -> dict[Kind, str]:
        """Return the kinds of tasks that there are, with their names."""
        return {kind: name for kind, name in KINDS.items() if self.total[kind] or self.stored[kind]}

    def left(self) -> Duration:
        """Return the wall-clock time until the end, judging by past runs."""
        work = self.estimator.total(self.todo.values())
        return Duration(work.seconds / self.jobs, work.unknown)

    def refresh(self) -> None:
        """Redraw, as some time has passed."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        return None


class LiveTable(Display):
    """A live table: progress by kind of task, the time left, the latest results, and what failed.

    Args:
        console: of the terminal.
    """

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._live = Live(console=console, auto_refresh=False)

    def refresh(self) -> None:
        """Redraw."""
        self._live.update(self._drawn(), refresh=True)

    def __enter__(self) -> Self:
        self._live.start()
        self.refresh()
        return self

    def __exit__(self, *error: object) -> None:
        self._live.update(self._drawn())
        self._live.stop()

    def _drawn(self) -> Group:
        grid = Table("stage", "stored", "done", "running", "to do", "", box=box.SIMPLE_HEAD, show_edge=False)
        under_way = Counter(self.todo[one].kind for one in self.running)
        for kind, name in self.kinds().items():
            total, done, running = self.total[kind], self.done[kind], under_way[kind]
            counts = (self.stored[kind], done, running, total - done - running)
            bar = ProgressBar(total=max(1, total), completed=done if total else 1, width=24)
            grid.add_row(name, *map(str, counts), bar)
        parts: list[RenderableType] = [grid, Text(f"left: {self.left()}")]
        parts += [Text(line, overflow="ellipsis", no_wrap=True) for line in self.latest]
        if self.failures:
            parts.append(Text(f"failed: {len(self.failures)}; the last: {self.failures[-1]}", style="red"))
        return Group(*parts)


def result(task: Task, outcome: Outcome) -> str:
    """Return a line about a task that ended."""
    if outcome.row is None:
        ended = "done" if outcome.state == "done" else f"{outcome.status}: {outcome.reason}"
        return f"{task}: {ended}, {outcome.seconds:.1f} s"
    row = outcome.row
    if row["status"] != "ok":
        return f"{task}: {row['status']}: {row['error']}"
    gap = "" if row["avg_gap"] is None else f", gap {row['avg_gap']:.2f}"
    return f"{task}: ok{gap}, {outcome.seconds:.1f} s"
