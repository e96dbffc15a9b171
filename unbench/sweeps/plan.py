"""What a sweep has to do: a graph of tasks, each once, before the runs that need it.

    data  ->  original, oracle, second oracle  ->  run (unlearn, outputs, metrics)
    data  ->  shadow models                    ->  shadow (the method on each of them)

Data are loaded here, once, because keys are made of their content; everything else is a task for a worker.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from unbench.config.reference_names import ORACLE
from unbench.errors import DataMissingError, SpecError
from unbench.experiment.inputs import LoadedDatasets
from unbench.experiment.reference_models import ROLES, is_stored, reference_model_name
from unbench.experiment.settings import Settings
from unbench.experiment.shadow_models.grow import open_cells
from unbench.experiment.spec import RunSpec
from unbench.experiment.splits import FrozenSplit, freeze_split
from unbench.methods.base import load_method
from unbench.progress import Progress
from unbench.store.results import newest_attempts
from unbench.sweeps.tasks import Kind, Task

if TYPE_CHECKING:
    import pandas as pd

FAILED = ("failed", "diverged", "timed_out")
"""Statuses that a sweep shows and leaves alone, unless it is asked to try again."""


@dataclass(frozen=True)
class State:
    """What is stored of a run.

    Attributes:
        key: of the run.
        status: of its newest attempt, an ok one before all others; None for no attempt.
        attempts: number of attempts.
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
    """What is stored and what is to do.

    Attributes:
        states: of every run of the sweep whose data are at hand.
        tasks: to do, each after those that it needs.
        stored: runs and reference models of each kind that are on disk already.
        shared: how many runs wait for a task, by its id.
        absent: runs whose data cannot be read, where that is allowed.
    """

    states: dict[RunSpec, State] = field(default_factory=dict)
    tasks: list[Task] = field(default_factory=list)
    stored: Counter[Kind] = field(default_factory=Counter)
    shared: Counter[str] = field(default_factory=Counter)
    absent: set[RunSpec] = field(default_factory=set)
    _to_do: set[str] = field(default_factory=set)

    def need(self, task: Task, is_stored: Callable[[], bool]) -> tuple[str, ...]:
        """Plan a task once, unless its result is stored; return its id for one more task to wait for, if it must."""
        if task.id not in self.shared:
            if is_stored():
                self.stored[task.kind] += 1
            else:
                self.tasks.append(task)
                self._to_do.add(task.id)
        self.shared[task.id] += 1
        return (task.id,) if task.id in self._to_do else ()


class Planner:
    """The data and the results folder of a sweep.

    Args:
        settings: where the sweep works.
        progress: shows downloading and decoding.
        download: fetch data that are not there.
        verify: read the outputs and probes of runs that are done; a damaged run counts as missing.
    """

    def __init__(
        self, settings: Settings, progress: Progress | None = None, download: bool = True, verify: bool = False
    ) -> None:
        self.settings, self.store = settings, settings.store
        self.datasets = LoadedDatasets(settings, progress, download)
        self._verify = verify
        self._splits: dict[tuple[str, str, int], FrozenSplit] = {}

    def split(self, spec: RunSpec) -> FrozenSplit:
        """Return the frozen split of a run; raise UnbenchError."""
        data = self.datasets.load(spec)
        key = (data.fingerprint, spec.scenario.name, spec.seed)
        if key not in self._splits:
            self._splits[key] = freeze_split(self.store, data, spec.scenario, spec.seed)
        return self._splits[key]

    @cached_property
    def history(self) -> pd.DataFrame:
        """Stored rows of all attempts, as of the first access."""
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

    def state(self, spec: RunSpec, probe: bool = False) -> State:
        """Return what is stored of a run, no status if it lacks the probes; raise UnbenchError."""
        data = self.datasets.load(spec)
        asked = (data.name, data.version, data.fingerprint, spec.scenario.name, spec.seed)
        key = spec.key(data.fingerprint, self._known_splits.get(asked) or self.split(spec).hash)
        state = self._states.get(key, State(key))
        if state.status != "ok":
            return state
        row = {"run_key": key, "attempt": state.attempt}
        lacks = probe and not self.store.probes_path(row).exists()
        return replace(state, status=None) if lacks or (self._verify and not self.store.is_whole(row)) else state

    def plan(
        self,
        runs: Mapping[RunSpec, bool],
        shadows: Mapping[RunSpec, int] | None = None,
        retry: Collection[str] = (),
        limit: int | None = None,
        allow_absent: bool = False,
    ) -> Plan:
        """Find what is missing of some runs.

        Args:
            runs: every run of the sweep, and whether its models are to be probed.
            shadows: how many shadow models each cell wants.
            retry: of FAILED, what is tried again.
            limit: runs to do at most; None for all.
            allow_absent: leave out runs whose data are not at hand, rather than raise.

        Raises:
            UnbenchError: a name, a value or the data are wrong.
        """
        plan = Plan()
        todo: dict[str, RunSpec] = {}
        for spec, probe in runs.items():
            if not self._is_at_hand(spec, allow_absent):
                plan.absent.add(spec)
                continue
            state = plan.states[spec] = self.state(spec, probe)
            # Presets of different names may mean the same run; the one that is to be probed is done.
            if (state.key not in todo or probe) and (state.status is None or state.status in retry):
                todo[state.key] = spec
        chosen = list(todo.items())[:limit]
        plan.stored["run"] = len({state.key for state in plan.states.values()}) - len(chosen)
        for key, spec in chosen:
            after, attempts = self._reference_models(spec, plan), plan.states[spec].attempts
            plan.tasks.append(Task(f"run-{key}", "run", spec, after, attempts, runs[spec]))
        for spec, count in (shadows or {}).items():
            if self._is_at_hand(spec, allow_absent):
                self._shadows(spec, count, plan)
        return plan

    def _is_at_hand(self, spec: RunSpec, allow_absent: bool) -> bool:
        try:
            self.datasets.load(spec)
        except DataMissingError:
            if not allow_absent:
                raise
            return False
        return True

    def _reference_models(self, spec: RunSpec, plan: Plan) -> tuple[str, ...]:
        """Return ids of the reference models that a run has to wait for; add those nobody has planned yet."""
        if spec.misfit:
            return ()  # the run is skipped, with the reason in its row
        data, split, own = self.datasets.load(spec), self.split(spec), load_method(spec.method).own_training
        waiting: tuple[str, ...] = ()
        for role in ROLES:
            ids = data.train.ids if role == "original" else data.train.ids[split.retain]
            name = reference_model_name(role, spec, own, data, ids)
            waiting += plan.need(Task(name, role, spec, shared=not own), partial(is_stored, self.store, name))
        return waiting

    def _shadows(self, spec: RunSpec, count: int, plan: Plan) -> None:
        """Add tasks for the shadow models of one cell: first the models, which all methods share, then the method's."""
        if spec.misfit:
            raise SpecError(spec.misfit)
        shared = spec if load_method(spec.method).own_training else spec.with_method(ORACLE, {})
        base, cell = (open_cells(one, self.settings)[2] for one in (shared, spec))
        prefix = f"shadow-{base.folder.parent.name}"
        for number in range(count):
            name = f"{prefix}-{base.folder.name}-{number}"
            model = Task(name, "shadow models", shared, number=number, shared=shared != spec)
            after = plan.need(model, partial(base.has, number, self.store))
            if cell.folder != base.folder:
                unlearned = Task(f"{prefix}-{cell.folder.name}-{number}", "shadow", spec, after, number=number)
                plan.need(unlearned, partial(cell.has, number, self.store))
