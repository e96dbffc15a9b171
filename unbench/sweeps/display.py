"""What a user sees of a sweep: a live table on a terminal, otherwise a line for each task."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

from unbench.sweeps.estimate import Duration, Estimator
from unbench.sweeps.tasks import KINDS, Kind, Outcome, Task

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console, Group, RenderableType
    from rich.live import Live

    from unbench.sweeps.plan import Plan

LATEST = 8
"""Results that a terminal shows."""


class Display:
    """Counts of tasks by kind, and the time that is left. This base class shows nothing, for use as a library."""

    def planned(self, plan: Plan, jobs: int, history: pd.DataFrame) -> None:
        """Count what is stored and what is to do."""
        self.todo = {task.id: task for task in plan.tasks}
        self.total = Counter(task.kind for task in plan.tasks)
        self.stored: Counter[Kind] = Counter(plan.stored)
        left = {plan.states[task.spec].key for task in plan.tasks if task.kind == "run"}
        self.stored["run"] = len({state.key for state in plan.states.values()} - left)
        self.done: Counter[Kind] = Counter()
        self.running: set[str] = set()
        self.elsewhere: set[str] = set()
        self.failures: list[str] = []
        self.jobs = jobs
        self.estimator = Estimator(history)

    def begun(self, task: Task) -> None:
        """Count one more as running, or waiting in the queue of an executor."""
        self.running.add(task.id)

    def busy(self, task: Task) -> None:
        """Count one as running elsewhere."""
        self.running.discard(task.id)
        self.elsewhere.add(task.id)

    def ended(self, task: Task, outcome: Outcome) -> None:
        """Count one as done."""
        if task.id not in self.todo:
            return
        del self.todo[task.id]
        self.elsewhere.discard(task.id)
        self.running.discard(task.id)
        self.done[task.kind] += 1
        status = outcome.row["status"] if outcome.row else "ok" if outcome.state == "done" else outcome.status
        if status not in ("ok", "skipped"):
            reason = outcome.row["error"] if outcome.row else outcome.reason
            self.failures.append(f"{task}: {status}: {reason}")

    def refresh(self) -> None:
        """Redraw, as some time has passed."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def left(self) -> Duration:
        """Return the wall-clock time until the end, judging by past runs."""
        work = self.estimator.total(self.todo.values())
        return Duration(work.seconds / self.jobs, work.unknown)


class LogLines(Display):
    """A line for each task.

    Args:
        log: is given each line.
    """

    def __init__(self, log: Callable[[str], None]) -> None:
        self.log = log

    def planned(self, plan: Plan, jobs: int, history: pd.DataFrame) -> None:
        """Log how much there is to do."""
        super().planned(plan, jobs, history)
        for line in summary(self):
            self.log(line)

    def busy(self, task: Task) -> None:
        """Log it once."""
        if task.id not in self.elsewhere:
            self.log(f"{task}: another process is at work on it")
        super().busy(task)

    def ended(self, task: Task, outcome: Outcome) -> None:
        """Log the result."""
        super().ended(task, outcome)
        self.log(f"[{sum(self.done.values())}/{sum(self.total.values())}] {result(task, outcome)}")


class LiveTable(Display):
    """A live table: progress by kind of task, the time left, the latest results, and what failed.

    Args:
        console: of the terminal.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self.latest: deque[str] = deque(maxlen=LATEST)
        self._live: Live | None = None

    def ended(self, task: Task, outcome: Outcome) -> None:
        """Keep the latest results."""
        super().ended(task, outcome)
        self.latest.append(result(task, outcome))

    def refresh(self) -> None:
        """Redraw."""
        if self._live is not None:
            self._live.update(self._drawn())

    def __enter__(self) -> Self:
        from rich.live import Live

        self._live = Live(self._drawn(), console=self.console, refresh_per_second=2)
        self._live.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        if self._live is not None:
            self._live.update(self._drawn())
            self._live.__exit__(*error)
            self._live = None

    def _drawn(self) -> Group:
        from rich import box
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        grid = Table("stage", "stored", "done", "running", "to do", "", box=box.SIMPLE_HEAD, show_edge=False)
        under_way = Counter(self.todo[one].kind for one in self.running)
        for kind, name in KINDS.items():
            total, done = self.total[kind], self.done[kind]
            if total or self.stored[kind]:
                bar = ProgressBar(total=max(1, total), completed=done if total else 1, width=24)
                running = under_way[kind]
                grid.add_row(name, str(self.stored[kind]), str(done), str(running), str(total - done - running), bar)
        parts: list[RenderableType] = [grid, Text(f"left: {self.left()}")]
        parts += [Text(line, overflow="ellipsis", no_wrap=True) for line in self.latest]
        if self.failures:
            parts.append(Text(f"failed: {len(self.failures)}; the last: {self.failures[-1]}", style="red"))
        return Group(*parts)


def summary(counts: Display) -> list[str]:
    """Return a line for each kind of task on what is stored and what is to do, and one on how long it will take."""
    lines = []
    for kind, name in KINDS.items():
        if counts.total[kind] or counts.stored[kind]:
            lines.append(f"{name}: {counts.stored[kind]} stored, {counts.total[kind]} to do")
    if counts.todo:
        lines.append(f"{counts.jobs} at a time; this will take {counts.left()}")
    return lines


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
