"""The sweep: plan, hand each task to an executor as soon as what it needs is there, and collect the outcomes."""

import signal
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from graphlib import TopologicalSorter
from typing import Any, Unpack

from unbench.errors import SpecError, UnbenchError, UnknownNameError
from unbench.experiment.run import record
from unbench.experiment.settings import PlaceOptions, Settings, check_keywords
from unbench.experiment.spec import RunSpec
from unbench.progress import Progress
from unbench.store.results import Store
from unbench.sweeps.display import Display
from unbench.sweeps.executors import Executor, open_executor
from unbench.sweeps.limits import last_words
from unbench.sweeps.machine import cores, gpus
from unbench.sweeps.plan import FAILED, Plan, Planner, State
from unbench.sweeps.sweep_file import SweepCard, store_card
from unbench.sweeps.tasks import Outcome, Task

BUSY_SECONDS = 2.0
"""Seconds until a task that another process is at work on is handed out again."""


class SweepOptions(PlaceOptions, total=False):
    """Keyword arguments of `unbench.sweep`.

    Attributes:
        retry: of "failed", "diverged" and "timed_out", what is tried again.
        limit: runs to do at most.
        verify: also read the outputs and the probes of every run that is done, and do damaged runs again.
    """

    retry: Collection[str]
    limit: int | None
    verify: bool


@dataclass
class Swept:
    """Result of a sweep.

    Attributes:
        states: of every run, after the sweep.
        ran: rows of the runs that this call did, in the order in which they ended.
        failed: reference and shadow models that could not be made, by task, and why.
    """

    states: dict[RunSpec, State]
    ran: list[dict[str, Any]] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def bad(self) -> dict[RunSpec, State]:
        """Runs whose newest attempt is one of FAILED."""
        return {spec: state for spec, state in self.states.items() if state.status in FAILED}


def sweep(
    card: SweepCard,
    *,
    progress: Progress | None = None,
    display: Display | None = None,
    log: Callable[[str], None] = lambda line: None,
    **options: Unpack[SweepOptions],
) -> Swept:
    """Do what is missing of a sweep.

    Whatever ends it (a fault, Ctrl-C, a dead machine), the same call goes on from what is stored. Several sweeps may
    share a results folder: each does what no other is working on.

    Args:
        card: the runs, and how many at a time; see unbench.sweeps.sweep_file.
        progress: shows downloading and decoding.
        display: shows every task.
        log: is given the lines of `unbench evaluate`.
        **options: results, data_root, device and checksums as for `unbench.run`; retry, limit and verify, see
            SweepOptions.

    Raises:
        UnbenchError: the request or the files are wrong, or the disk is full; what was stored stays.
        KeyboardInterrupt: the user, or the system by SIGTERM, stopped it.
    """
    with _terminable():
        planner, plan = plan_sweep("sweep", card, options, progress)
        shown, at_once, settings = display or Display(), jobs(card, planner.settings.device), planner.settings
        store_card(planner.store, card)
        shown.planned(plan, at_once, planner.history)
        swept = Swept(plan.states)
        if plan.tasks:
            name = card.executor or "local"
            with shown, closing(open_executor(name, at_once, settings, getattr(card, name, {}))) as executor:
                _Loop(plan, planner, executor, shown, swept).run()
            planner.store.history()  # updates the copy of all rows, so that the next plan is fast
        # Also where no task was left: a sweep may have been ended between its last task and this.
        if settings.evaluate and (plan.tasks or not _is_evaluated(planner.store, plan.states.values())):
            from unbench.analysis.evaluation import evaluate

            evaluate(settings.results, progress=progress, log=log)
    return swept


def plan_sweep(
    function: str,
    card: SweepCard,
    options: Mapping[str, Any],
    progress: Progress | None,
    download: bool = True,
) -> tuple[Planner, Plan]:
    """Find what is missing of a sweep, for a function with SweepOptions.

    Args:
        function: its name.
        card, options, progress: its arguments.
        download: fetch data that are not there; if not, runs without data are left out.

    Raises:
        UnbenchError: a name, a value, the data or the results folder is wrong.
    """
    check_keywords(function, options, SweepOptions)
    retry, limit = options.get("retry", ()), options.get("limit")
    for status in retry:
        if status not in FAILED:
            raise UnknownNameError("status to retry", status, FAILED)
    if limit is not None and limit < 1:
        raise SpecError(f"--limit must be at least 1, not {limit}")
    settings = Settings.of(options)
    settings = replace(
        settings,
        threads=card.threads or max(1, cores() // jobs(card, settings.device)),
        evaluate=card.evaluate is not False,
        time_limit=card.time_limit,
        memory_limit=card.memory_limit,
        wait=False,
    ).portable()  # good for workers on other machines too
    runs, shadows = card.runs(settings.results), card.shadows_of_cells(settings.results)
    settings.store.check_writable()
    planner = Planner(settings, progress, download, options.get("verify", False))
    return planner, planner.plan(runs, shadows, retry, limit, allow_absent=not download)


def jobs(card: SweepCard, device: str) -> int:
    """Return the number of tasks at a time: as the card says, else one for each GPU, else one for each core."""
    return card.jobs or len(gpus(device)) or cores()


def _is_evaluated(store: Store, states: Iterable[State]) -> bool:
    """Return True if there is a summary, and metrics of each run that ended well."""
    from unbench.metrics import METRICS

    evaluated = store.evaluated({metric.name: metric.version for metric in METRICS.values()})
    return any(store.summary.glob("*.parquet")) and all(s.key in evaluated for s in states if s.status == "ok")


class _Loop:
    """Hands out tasks in the order of the plan, each when all that it needs is done."""

    def __init__(self, plan: Plan, planner: Planner, executor: Executor, display: Display, swept: Swept) -> None:
        self.planner, self.executor, self.display, self.swept = planner, executor, display, swept
        self._tasks = {task.id: task for task in plan.tasks}
        self._place = {task.id: place for place, task in enumerate(plan.tasks)}
        self._graph = TopologicalSorter({task.id: task.after for task in plan.tasks})
        self._graph.prepare()
        self._ready: list[Task] = []
        self._later: list[tuple[float, Task]] = []

    def run(self) -> None:
        """Go on until nothing is left; raise UnbenchError if that is of no use."""
        while self._submit() or self._later:
            if not self.executor.running:
                time.sleep(max(0.0, self._later[0][0] - time.monotonic()))
                continue
            for task, outcome in self.executor.finished(patience=1.0):
                self._ended(task, outcome)
            self.display.refresh()

    def _submit(self) -> int:
        """Hand out what can begin, as far as there is room; return the number of running tasks."""
        now = time.monotonic()
        self._ready += [self._tasks[one] for one in self._graph.get_ready()]
        self._ready += [task for due, task in self._later if due <= now]
        self._later = [(due, task) for due, task in self._later if due > now]
        self._ready.sort(key=lambda task: self._place[task.id])
        room = self.executor.room
        tasks, self._ready = self._ready[:room], self._ready[room:]
        if tasks:
            self.executor.submit(tasks)
            for task in tasks:
                self.display.begun(task)
        return len(self.executor.running)

    def _ended(self, task: Task, outcome: Outcome) -> None:
        if outcome.state == "busy":
            self._later.append((time.monotonic() + BUSY_SECONDS, task))
            self.display.busy(task)
        elif outcome.state == "stopped":
            raise UnbenchError(outcome.reason)
        elif outcome.state == "done":
            if outcome.row is not None:
                self._keep(outcome.row)
            self._graph.done(task.id)
            self.display.ended(task, outcome)
        else:
            self._failed(task, replace(outcome, reason=last_words(task, self.planner.settings) or outcome.reason))

    def _failed(self, task: Task, outcome: Outcome) -> None:
        """Store the reason as the row of a run; fail the runs that cannot begin without a reference model."""
        if task.kind == "run":
            data, settings = self.planner.datasets.load(task.spec), self.planner.settings
            row = record(task.spec, data, settings, task.attempts, outcome.status, outcome.reason)
            self._keep(row)
            outcome = replace(outcome, row=row)
        else:
            self.swept.failed[str(task)] = outcome.reason
        self.display.ended(task, outcome)
        if task.kind not in ("run", "shadow"):
            for other in [one for one in self._tasks.values() if task.id in one.after]:
                del self._tasks[other.id]
                self._failed(other, replace(outcome, reason=f"{task}: {outcome.reason}", seconds=0.0))

    def _keep(self, row: dict[str, Any]) -> None:
        self.swept.ran.append(row)
        state = State(row["run_key"], row["status"], row["attempt"], row["error"], row["attempt"])
        # Several specs may mean the same run.
        self.swept.states |= {spec: state for spec, known in self.swept.states.items() if known.key == state.key}


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM, by which queues end a job, end a sweep as Ctrl-C does."""
    try:
        before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    except ValueError:  # not the main thread, whose signals are its own business
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
