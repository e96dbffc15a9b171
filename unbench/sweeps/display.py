"""What a user sees of a sweep: a live table on a terminal, a line for each task where there is none."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from unbench.sweeps.estimate import Estimate, Estimator

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console, Group, RenderableType
    from rich.live import Live

    from unbench.sweeps.outcome import Outcome
    from unbench.sweeps.plan import Kind, Plan, Task

KINDS: dict[Kind, str] = {
    "original": "original",
    "oracle": "oracle",
    "oracle_2": "second oracle",
    "shadow models": "shadow models",
    "shadow": "shadow models, unlearned",
    "run": "runs",
}
"""Stages as a user reads them, in the order of the work."""


LATEST = 8
"""Results that a terminal shows."""


class Display:
    """Is told of every task. This base class says nothing, for use as a library."""

    def planned(self, plan: Plan, jobs: int, history: pd.DataFrame) -> None:
        """What is there and what is to do."""

    def begun(self, task: Task) -> None:
        """A task was handed to a worker, or to the queue before it."""

    def busy(self, task: Task) -> None:
        """Another process is at work on a task."""

    def ended(self, task: Task, outcome: Outcome) -> None:
        """A task is done, or failed."""

    def refresh(self) -> None:
        """Some time has passed."""

    def __enter__(self) -> Display:
        return self

    def __exit__(self, *error: object) -> None:
        return None


class Counts(Display):
    """Counts by stage, and the time that is left."""

    def planned(self, plan: Plan, jobs: int, history: pd.DataFrame) -> None:
        """Take stock."""
        self.todo = {task.id: task for task in plan.tasks}
        self.total = Counter(task.kind for task in plan.tasks)
        self.there: Counter[Kind] = Counter(plan.stages_there)
        left = {plan.states[task.request].key for task in plan.tasks if task.kind == "run"}
        self.there["run"] = len({state.key for state in plan.states.values()} - left)
        self.done: Counter[Kind] = Counter()
        self.running: set[str] = set()
        self.elsewhere: set[str] = set()
        self.failures: list[str] = []
        self.jobs = jobs
        self.estimator = Estimator(history)

    def begun(self, task: Task) -> None:
        """One more under way."""
        self.running.add(task.id)

    def busy(self, task: Task) -> None:
        """One that another process has."""
        self.running.discard(task.id)
        self.elsewhere.add(task.id)

    def ended(self, task: Task, outcome: Outcome) -> None:
        """One less to do."""
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

    def left(self) -> Estimate:
        """Wall-clock seconds until the end, as far as past runs tell."""
        work = self.estimator.total(self.todo.values())
        return Estimate(work.seconds / self.jobs, work.unknown)


class Lines(Counts):
    """A line for each task.

    Args:
        tell: prints a line.
    """

    def __init__(self, log: Callable[[str], None]) -> None:
        self.log = log

    def planned(self, plan: Plan, jobs: int, history: pd.DataFrame) -> None:
        """Say how much there is to do."""
        super().planned(plan, jobs, history)
        for line in summary(self):
            self.log(line)

    def busy(self, task: Task) -> None:
        """Say it once."""
        if task.id not in self.elsewhere:
            self.log(f"{task}: another process is at it")
        super().busy(task)

    def ended(self, task: Task, outcome: Outcome) -> None:
        """Say what came of it."""
        super().ended(task, outcome)
        self.log(f"[{sum(self.done.values())}/{sum(self.total.values())}] {result(task, outcome)}")


class Table(Counts):
    """A live table: progress by stage, the time left, the latest results, and what failed.

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
        """Draw."""
        if self._live is not None:
            self._live.update(self._drawn())

    def __enter__(self) -> Table:
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
        from rich.table import Table as Grid
        from rich.text import Text

        grid = Grid("stage", "there", "done", "running", "to do", "", box=box.SIMPLE_HEAD, show_edge=False)
        under_way = Counter(self.todo[one].kind for one in self.running)
        for kind, name in KINDS.items():
            total, done = self.total[kind], self.done[kind]
            if total or self.there[kind]:
                bar = ProgressBar(total=max(1, total), completed=done if total else 1, width=24)
                running = under_way[kind]
                grid.add_row(name, str(self.there[kind]), str(done), str(running), str(total - done - running), bar)
        parts: list[RenderableType] = [grid, Text(f"left: {duration(self.left())}")]
        parts += [Text(line, overflow="ellipsis", no_wrap=True) for line in self.latest]
        if self.failures:
            parts.append(Text(f"failed: {len(self.failures)}; the last: {self.failures[-1]}", style="red"))
        return Group(*parts)


def summary(counts: Counts) -> list[str]:
    """What is there and what is to do, a line for each stage, and how long it will take."""
    lines = []
    for kind, name in KINDS.items():
        if counts.total[kind] or counts.there[kind]:
            lines.append(f"{name}: {counts.there[kind]} there, {counts.total[kind]} to do")
    if counts.todo:
        lines.append(f"{counts.jobs} at a time; this will take {duration(counts.left())}")
    return lines


def result(task: Task, outcome: Outcome) -> str:
    """One line about a task that ended."""
    if outcome.row is None:
        said = "done" if outcome.state == "done" else f"{outcome.status}: {outcome.reason}"
        return f"{task}: {said}, {outcome.seconds:.1f} s"
    row = outcome.row
    if row["status"] != "ok":
        return f"{task}: {row['status']}: {row['error']}"
    gap = "" if row["avg_gap"] is None else f", gap {row['avg_gap']:.2f}"
    return f"{task}: ok{gap}, {outcome.seconds:.1f} s"


def duration(estimate: Estimate) -> str:
    """An estimate in words.

    >>> duration(Estimate(5000, 0))
    'about 1 h 23 min'
    >>> duration(Estimate(0, 3))
    'unknown: no past runs are like its 3 tasks'
    """
    if estimate.unknown and not estimate.seconds:
        return f"unknown: no past runs are like its {estimate.unknown} tasks"
    hours, minutes = divmod(round(estimate.seconds / 60), 60)
    text = f"{hours} h {minutes} min" if hours else f"{minutes} min" if minutes else f"{estimate.seconds:.0f} s"
    more = f", and the time of {estimate.unknown} tasks that no past run is like" if estimate.unknown else ""
    return f"about {text}{more}"
