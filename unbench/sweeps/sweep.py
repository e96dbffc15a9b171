"""The sweep: plan, hand tasks to an executor as soon as what they need is there, and tell what came of it."""

from __future__ import annotations

import heapq
import os
import signal
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unbench.errors import UnbenchError
from unbench.progress import Progress
from unbench.store.results import Store
from unbench.sweeps.display import Display
from unbench.sweeps.history import remember
from unbench.sweeps.machine import cores, gpus
from unbench.sweeps.plan import FAILED, Plan, Planner, Site, State, Task, check_extent
from unbench.sweeps.sweep_file import RunRequest, SweepCard

if TYPE_CHECKING:
    from unbench.data.loading import Checksums
    from unbench.sweeps.executors import Executor
    from unbench.sweeps.outcome import Outcome

LOOK_AGAIN = 2.0
"""Seconds until a task that another process has is asked for again."""


@dataclass
class Swept:
    """What a sweep left.

    Attributes:
        states: of every run, after the sweep.
        ran: rows of the runs that this call did, in the order in which they ended.
        failed: what could not be made, by task, and why.
    """

    states: dict[RunRequest, State]
    ran: list[dict[str, Any]] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def bad(self) -> dict[RunRequest, State]:
        """Runs whose newest attempt is one of FAILED."""
        return {request: state for request, state in self.states.items() if state.status in FAILED}


def sweep(
    card: SweepCard,
    *,
    results: Path | str = "results",
    data_root: Path | str | None = None,
    device: str = "auto",
    checksums: Checksums = "auto",
    retry: Collection[str] = (),
    limit: int | None = None,
    verify: bool = False,
    progress: Progress | None = None,
    display: Display | None = None,
    log: Callable[[str], None] = lambda line: None,
) -> Swept:
    """Do what is missing of a sweep.

    Whatever ends it (a fault, Ctrl-C, a dead machine), the same call goes on from what is stored. Several sweeps may
    share a results folder: each does what no other is at.

    Args:
        card: the runs, and how many at a time; see unbench.sweeps.sweep_file.
        results, data_root, device, checksums: as for `unbench.run`.
        retry: of "failed", "diverged" and "timed_out", what is tried again.
        limit: runs to do at most.
        verify: also read the outputs and the probes of every run that is done, and do those again that are damaged.
        progress: shows downloading and decoding.
        display: is told of every task.
        tell: is given what `unbench evaluate` says of the runs.

    Raises:
        UnbenchError: the request or the files are wrong, or the disk is full; what was stored stays.
        KeyboardInterrupt: the user, or the system by SIGTERM, stopped it.
    """
    check_extent(retry, limit)
    requests, shown, at_once = card.requests(), display or Display(), jobs(card, device)
    site = make_site(card, results, data_root, device, checksums)
    Store(results).check_writable()
    with _terminable():
        planner = Planner(site, progress, verify=verify)
        plan = planner.plan(requests, card.shadow_requests(), retry, limit)
        remember(planner.store, card)
        shown.planned(plan, at_once, planner.history)
        swept = Swept(plan.states)
        if plan.tasks:
            from unbench.sweeps.executors import open_executor

            name = card.executor or "local"
            options = {"ray": card.ray, "slurm": card.slurm}.get(name, {})
            with shown:
                executor = open_executor(name, at_once, site, options)
                try:
                    _Loop(plan, planner, executor, shown, swept).run()
                finally:
                    executor.close()
            planner.store.history()  # brings the copy of all rows up to date: the next plan is made at once
        # Also where no task was left: a sweep may have been ended between its last task and this.
        if site.evaluate and (plan.tasks or not _is_evaluated(planner.store, plan.states.values())):
            from unbench.analysis.evaluation import evaluate

            evaluate(results, progress=progress, log=log)
    return swept


def _is_evaluated(store: Store, states: Iterable[State]) -> bool:
    """Whether there is a summary, and each run that ended well has metrics."""
    from unbench.metrics import METRICS

    evaluated = store.evaluated({metric.name: metric.version for metric in METRICS.values()})
    return any(store.summary.glob("*.parquet")) and all(s.key in evaluated for s in states if s.status == "ok")


def make_site(
    card: SweepCard, results: Path | str, data_root: Path | str | None, device: str, checksums: Checksums
) -> Site:
    """Where and with what the workers of a sweep work; paths are absolute, for workers on other machines."""
    return Site(
        Path(results).absolute(),
        None if data_root is None else Path(data_root).absolute(),
        device,
        checksums,
        card.threads or max(1, cores() // jobs(card, device)),
        card.evaluate is not False,
        card.time_limit,
        card.memory_limit,
        tuple((name, value) for name, value in os.environ.items() if name.startswith("UNBENCH_")),
    )


def jobs(card: SweepCard, device: str) -> int:
    """Tasks at a time: as the card says, else one for each GPU, else one for each core."""
    return card.jobs or len(gpus(device)) or cores()


class _Loop:
    """Hands out tasks in the order of the plan, each when all that it needs is done."""

    def __init__(self, plan: Plan, planner: Planner, executor: Executor, display: Display, swept: Swept) -> None:
        self.planner, self.executor, self.display, self.swept = planner, executor, display, swept
        self._tasks = {task.id: task for task in plan.tasks}
        self._order = {task.id: place for place, task in enumerate(plan.tasks)}
        self._missing = {task.id: set(task.after) for task in plan.tasks}
        self._needed_by: dict[str, list[str]] = {}
        for task in plan.tasks:
            for needed in task.after:
                self._needed_by.setdefault(needed, []).append(task.id)
        self._ready = [(self._order[one], one) for one, missing in self._missing.items() if not missing]
        heapq.heapify(self._ready)
        self._later: list[tuple[float, str]] = []
        self._running = 0

    def run(self) -> None:
        """Until nothing is left; raises UnbenchError if going on is of no use."""
        while self._ready or self._later or self._running:
            self._submit()
            if not self._running:
                time.sleep(max(0.0, self._later[0][0] - time.monotonic()))
                continue
            for task, outcome in self.executor.finished(patience=1.0):
                self._running -= 1
                self._ended(task, outcome)
            self.display.refresh()

    def _submit(self) -> None:
        while self._later and self._later[0][0] <= time.monotonic():
            heapq.heappush(self._ready, (self._order[self._later[0][1]], heapq.heappop(self._later)[1]))
        tasks = [self._tasks[heapq.heappop(self._ready)[1]] for _ in range(min(self.executor.room, len(self._ready)))]
        if tasks:
            self.executor.submit(tasks)
            self._running += len(tasks)
            for task in tasks:
                self.display.begun(task)

    def _ended(self, task: Task, outcome: Outcome) -> None:
        if outcome.state == "busy":
            heapq.heappush(self._later, (time.monotonic() + LOOK_AGAIN, task.id))
            self.display.busy(task)
        elif outcome.state == "stopped":
            raise UnbenchError(outcome.reason)
        elif outcome.state == "done":
            self._done(task, outcome)
        else:
            from unbench.sweeps.work import last_words

            status, reason = last_words(task, self.planner.site) or (outcome.status, outcome.reason)
            self._failed(task, replace(outcome, status=status, reason=reason))

    def _done(self, task: Task, outcome: Outcome) -> None:
        if outcome.row is not None:
            self._keep(outcome.row)
        self.display.ended(task, outcome)
        for one in self._needed_by.get(task.id, []):
            if one not in self._missing:
                continue  # something else that it needs has failed
            self._missing[one].discard(task.id)
            if not self._missing[one]:
                heapq.heappush(self._ready, (self._order[one], one))

    def _failed(self, task: Task, outcome: Outcome) -> None:
        """A run gets a row that says so; so do the runs that cannot begin without what was to be made."""
        if task.kind == "run":
            row = self._record(task, outcome)
            self._keep(row)
            outcome = replace(outcome, row=row)
        else:
            self.swept.failed[str(task)] = outcome.reason
        self.display.ended(task, outcome)
        for one in self._needed_by.pop(task.id, []):
            if one in self._missing:
                del self._missing[one]
                self._failed(self._tasks[one], replace(outcome, reason=f"{task}: {outcome.reason}", seconds=0.0))

    def _record(self, task: Task, outcome: Outcome) -> dict[str, Any]:
        from unbench.experiment.run import record
        from unbench.sweeps.work import order

        spec = self.planner.spec(task.request)
        data, asked = self.planner.data(spec), order(task, self.planner.site)
        return record(spec, data, self.planner.store, asked, outcome.status, outcome.reason)

    def _keep(self, row: dict[str, Any]) -> None:
        self.swept.ran.append(row)
        state = State(row["run_key"], row["status"], row["attempt"], row["error"], row["attempt"])
        # Several requests may mean the same run.
        self.swept.states |= {asked: state for asked, known in self.swept.states.items() if known.key == state.key}


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM, by which queues end a job, end a sweep as Ctrl-C does."""

    def stop(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not the main thread, which is none of our business then
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
