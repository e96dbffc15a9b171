"""What a sweep has to do: a graph of stages, each once, before the runs that need it.

    data  ->  original, oracle, second oracle  ->  run (unlearn, outputs, metrics)
    data  ->  shadow models                    ->  shadow (the method on each of them)

Data are loaded here, once, because keys are made of their content; everything else is a task for a worker.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from unbench.config.reference_names import ORACLE
from unbench.data import Dataset, load_dataset
from unbench.data.loading import Checksums
from unbench.errors import DataMissingError, NotApplicableError, SpecError, UnknownNameError
from unbench.experiment.spec import RunSpec
from unbench.experiment.splits import Split, freeze_split
from unbench.methods.loading import load_method
from unbench.progress import Progress
from unbench.scenarios import Scenario
from unbench.store.results import Store, newest_attempts
from unbench.sweeps.sweep_file import RunRequest

if TYPE_CHECKING:
    import pandas as pd

    from unbench.methods.base import Method

Kind = Literal["original", "oracle", "oracle_2", "shadow models", "run", "shadow"]

STAGES: tuple[Literal["original", "oracle", "oracle_2"], ...] = ("original", "oracle", "oracle_2")
"""Models that a run needs before it can begin, in the order in which they are trained."""

FAILED = ("failed", "diverged", "timed_out")
"""States that a sweep shows and leaves alone, unless it is asked to try again."""


@dataclass(frozen=True)
class Site:
    """Where a sweep works, and with what; plain values, to be sent to other processes.

    Attributes:
        results, data_root, device, checksums: as for `unbench.run`.
        threads: of each worker; sums on a CPU depend on it, so it is in every row.
        evaluate: compute the metrics of a run as soon as it is done.
        time_limit: seconds that a task may take; None for no limit.
        memory_limit: MiB of memory that its process may hold; None for no limit.
        environment: settings of unbench, such as UNBENCH_PLUGINS, for workers that do not inherit them.
    """

    results: Path
    data_root: Path | None = None
    device: str = "auto"
    checksums: Checksums = "auto"
    threads: int = 1
    evaluate: bool = True
    time_limit: float | None = None
    memory_limit: float | None = None
    environment: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Task:
    """One piece of work for one worker.

    Attributes:
        id: made of what it makes, so that two sweeps give the same work the same name.
        request: the run, or for a stage one of the runs that need it.
        after: ids of the tasks that must be done before.
        attempts: of a run that were there when this was planned; one that came since makes the task superfluous.
        number: of a shadow model.
        shared: by all methods that do not train models of their own.
    """

    id: str
    kind: Kind
    request: RunRequest
    after: tuple[str, ...] = ()
    attempts: int = 0
    number: int = 0
    shared: bool = False

    def __str__(self) -> str:
        if self.kind == "run":
            return str(self.request)
        what = {"oracle_2": "second oracle", "shadow models": "shadow model", "shadow": "shadow model"}
        number = f" {self.number}" if self.kind in ("shadow", "shadow models") else ""
        whose = "" if self.shared else f" of {self.request.method}"
        return f"{what.get(self.kind, self.kind)}{number}{whose} on {self.request.place}"


@dataclass(frozen=True)
class State:
    """What the results folder says of a run.

    Attributes:
        key: of the run.
        status: of its newest attempt, an ok one before all others; None for no attempt.
        attempts: there are.
        error: why the status is not ok.
        attempt: number of the attempt that has this status.
    """

    key: str
    status: str | None = None
    attempts: int = 0
    error: str | None = None
    attempt: int = 0


@dataclass
class Plan:
    """What is there and what is to do.

    Attributes:
        states: of every run of the sweep; those whose data are not at hand are not among them.
        tasks: to do, each after those that it needs.
        stages_there: trained models of each kind that are on disk already.
        shared: how many runs wait for a task, by its id.
        shared_tasks: ids of those that are to do.
        absent: why the data of a run cannot be read, where that is allowed.
    """

    states: dict[RunRequest, State] = field(default_factory=dict)
    tasks: list[Task] = field(default_factory=list)
    stages_there: dict[Kind, int] = field(default_factory=dict)
    shared: dict[str, int] = field(default_factory=dict)
    shared_tasks: set[str] = field(default_factory=set)
    absent: dict[RunRequest, str] = field(default_factory=dict)

    def add_shared(self, task: Task) -> None:
        """Plan a task that others wait for."""
        self.tasks.append(task)
        self.shared_tasks.add(task.id)


def check_extent(retry: Collection[str], limit: int | None) -> None:
    """Raise SpecError, before anything is written, where there is no such status to retry, or nothing to be done."""
    for status in retry:
        if status not in FAILED:
            raise UnknownNameError("status to retry", status, FAILED)
    if limit is not None and limit < 1:
        raise SpecError(f"--limit must be at least 1, not {limit}")


class Planner:
    """Knows the data and the results folder of a sweep.

    Args:
        site: where the sweep works.
        progress: shows downloading and decoding.
        download: fetch data that are not there.
        verify: read the outputs and probes of runs that are done; a damaged one counts as not there.
    """

    def __init__(
        self, site: Site, progress: Progress | None = None, download: bool = True, verify: bool = False
    ) -> None:
        self.site = site
        self.store = Store(site.results)
        self._progress = progress or Progress()
        self._download = download
        self._verify = verify
        self._data: dict[tuple[str, str], Dataset] = {}
        self._specs: dict[RunRequest, RunSpec] = {}
        self._splits: dict[tuple[str, str, int], Split] = {}

    def spec(self, request: RunRequest) -> RunSpec:
        """Looked up once for all seeds."""
        of_all = replace(request, seed=0, probe=False)
        if of_all not in self._specs:
            self._specs[of_all] = of_all.spec(self.site.results)
        return replace(self._specs[of_all], seed=request.seed)

    def data(self, spec: RunSpec) -> Dataset:
        """The images of a run; raises UnbenchError."""
        key = (spec.dataset.name, spec.preset_name)
        if key not in self._data:
            self._data[key] = load_dataset(
                spec.dataset, spec.preset, self.site.data_root, self.site.checksums, self._progress, self._download
            )
        return self._data[key]

    def split(self, data: Dataset, scenario: Scenario, seed: int) -> Split:
        """The frozen split of a run; raises UnbenchError."""
        key = (data.fingerprint, scenario.name, seed)
        if key not in self._splits:
            self._splits[key] = freeze_split(self.store, data, scenario, seed)
        return self._splits[key]

    @cached_property
    def history(self) -> pd.DataFrame:
        """The stored rows of all attempts, as they were when they were first asked for."""
        return self.store.history()

    @cached_property
    def _known_splits(self) -> dict[tuple[Any, ...], str]:
        """Hashes of splits by what they were drawn for, as the stored rows have them: much faster than index files."""
        columns = ["dataset", "dataset_version", "data_fingerprint", "scenario", "seed", "split_hash"]
        rows = self.history[columns].drop_duplicates()
        return {tuple(row[:-1]): row[-1] for row in rows.itertuples(index=False)}

    @cached_property
    def _states(self) -> dict[str, State]:
        """What is stored, by run key."""
        rows = self.history
        count = rows.groupby("run_key")["attempt"].max()
        columns = newest_attempts(rows)[["run_key", "status", "error", "attempt"]]
        return {
            key: State(key, status, int(count[key]), None if status == "ok" else error, int(attempt))
            for key, status, error, attempt in columns.itertuples(index=False)
        }

    def state(self, request: RunRequest) -> State:
        """What is stored of a run; raises UnbenchError."""
        spec = self.spec(request)
        data = self.data(spec)
        asked = (data.name, data.version, data.fingerprint, spec.scenario.name, spec.seed)
        split_hash = self._known_splits.get(asked) or self.split(data, spec.scenario, spec.seed).hash
        key = spec.key(data.fingerprint, split_hash)
        state = self._states.get(key, State(key))
        if state.status != "ok":
            return state
        row = {"run_key": key, "attempt": state.attempt}
        lacks = request.probe and not self.store.probes_path(row).exists()
        return replace(state, status=None) if lacks or (self._verify and not self.store.is_whole(row)) else state

    def plan(
        self,
        requests: Iterable[RunRequest],
        shadows: Mapping[RunRequest, int] | None = None,
        retry: Collection[str] = (),
        limit: int | None = None,
        allow_absent: bool = False,
    ) -> Plan:
        """What is missing of some runs.

        Args:
            requests: every run of the sweep.
            shadows: how many shadow models each cell wants.
            retry: of FAILED, what is tried again.
            limit: runs to do at most; None for all.
            allow_absent: leave out runs whose data are not at hand, rather than raise.

        Raises:
            UnbenchError: a name, a value or the data are wrong.
        """
        plan, again = Plan(), set(retry)
        todo: dict[str, tuple[RunRequest, State]] = {}
        for request in requests:
            try:
                state = plan.states[request] = self.state(request)
            except DataMissingError as error:
                if not allow_absent:
                    raise
                plan.absent[request] = str(error)
                continue
            # Of two that mean the same run, as "ft" and "ft[lr=<default>]" do, the one that asks for more.
            same = state.key in todo and not request.probe
            if not same and (state.status is None or state.status in again):
                todo[state.key] = (request, state)
        for request, state in list(todo.values())[:limit]:
            needed = self._stages(request, plan)
            plan.tasks.append(Task(f"run-{state.key}", "run", request, needed, state.attempts))
        for request, count in (shadows or {}).items():
            try:
                self.data(self.spec(request))
            except DataMissingError:
                if not allow_absent:
                    raise
                continue
            self._shadows(request, count, plan)
        return plan

    def _stages(self, request: RunRequest, plan: Plan) -> tuple[str, ...]:
        """Ids of the stages that a run has to wait for; those nobody has planned yet are added."""
        from unbench.experiment.reference_models import is_stored, reference_model_name

        spec = self.spec(request)
        try:
            spec.check_applicable()
        except NotApplicableError:
            return ()  # the run says so in its row
        data = self.data(spec)
        split, own = self.split(data, spec.scenario, spec.seed), self._code(spec).own_training
        waiting = []
        for role in STAGES:
            ids = data.train.ids if role == "original" else data.train.ids[split.retain]
            name = reference_model_name(role, spec, own, data, ids)
            if name not in plan.shared:
                plan.shared[name] = 0
                if is_stored(self.store, name):
                    plan.stages_there[role] = plan.stages_there.get(role, 0) + 1
                else:
                    plan.add_shared(Task(name, role, request, shared=not own))
            plan.shared[name] += 1
            if name in plan.shared_tasks:
                waiting.append(name)
        return tuple(waiting)

    def _shadows(self, request: RunRequest, count: int, plan: Plan) -> None:
        """Add tasks for the shadow models of one cell: first the models, which all methods share, then the method's."""
        from unbench.experiment.shadow_models.work import open_cell
        from unbench.sweeps.work import shadow_request

        spec = self.spec(request)
        try:
            spec.check_applicable()
        except NotApplicableError as error:
            raise SpecError(str(error)) from error
        shared = request if self._code(spec).own_training else replace(request, method=ORACLE)
        base = open_cell(shadow_request(shared, self.site))
        pool = base.folder.parent.name
        cell = base if shared == request else open_cell(shadow_request(request, self.site))
        for number in range(count):
            first = f"shadow-{pool}-{base.folder.name}-{number}"
            if first not in plan.shared:
                plan.shared[first] = 0
                if not base.has(number, self.store):
                    task = Task(first, "shadow models", shared, number=number, shared=shared != request)
                    plan.add_shared(task)
            plan.shared[first] += 1
            if cell != base and not cell.has(number, self.store):
                after = (first,) if first in plan.shared_tasks else ()
                name = f"shadow-{pool}-{cell.folder.name}-{number}"
                plan.tasks.append(Task(name, "shadow", request, after, number=number))

    def _code(self, spec: RunSpec) -> type[Method]:
        return load_method(spec.method)
