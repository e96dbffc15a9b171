"""Progress of sweeps: what is done, who is at work on what, what failed and why, what is missing, how long it takes."""

from typing import TypedDict, Unpack

from unbench.errors import DataMissingError
from unbench.experiment.settings import PlaceOptions, Settings, check_keywords
from unbench.experiment.spec import RunSpec
from unbench.progress import Progress
from unbench.store.locks import Holder, holders
from unbench.sweeps.display import Display
from unbench.sweeps.plan import Planner
from unbench.sweeps.sweep import SweepOptions, jobs, plan_sweep
from unbench.sweeps.sweep_file import SweepCard, stored_cards


class StatusRow(TypedDict):
    """State of one run or of a reference model in training, whose name is in `method`.

    Attributes:
        state: "done", "running", "missing", "unknown" (its data are not at hand), or the status of a run that was
            skipped or went wrong.
        detail: by whom and since when, or why.
    """

    method: str
    dataset: str | None
    scenario: str | None
    preset: str | None
    seed: int | None
    state: str
    detail: str


class PreviewRow(TypedDict):
    """Tasks of one kind.

    Attributes:
        stage: the kind.
        done, to_do: models or runs that are stored, and those that are missing.
        shared_by: number of missing runs that use these models.
        seconds: that the missing ones will take one after the other, judging by past runs; None if there are none.
    """

    stage: str
    done: int
    to_do: int
    shared_by: int | None
    seconds: float | None


def status(card: SweepCard | None = None, **options: Unpack[PlaceOptions]) -> list[StatusRow]:
    """Return one row for each run of one or all sweeps, and one for each reference model in training.

    Args:
        card: a sweep; None for all that were ever started in this results folder.
        **options: results, data_root and checksums as for `unbench.run`; nothing is downloaded.

    Raises:
        UnbenchError: there is no such folder, or a request is wrong.
    """
    check_keywords("status", options, PlaceOptions)
    settings = Settings.of(options)
    store = settings.store
    store.check_there("unbench sweep")
    cards = [card] if card is not None else stored_cards(store)
    specs = dict.fromkeys(spec for one in cards for spec in one.runs(settings.results))
    at_work, planner = holders(store.locks), Planner(settings, download=False)
    rows = [_row(spec.written, *_state(spec, planner, at_work), spec) for spec in specs]
    training = {name: holder for name, holder in at_work.items() if not name.startswith("run-")}
    return [*rows, *(_row(name.rpartition("-")[0], "running", f"by {holder}") for name, holder in training.items())]


def preview(
    card: SweepCard, *, progress: Progress | None = None, **options: Unpack[SweepOptions]
) -> tuple[list[PreviewRow], str]:
    """Return a row for each kind of task, and a line on how long all will take; arguments as for `sweep`.

    Nothing is downloaded, trained or stored but the indices of splits and the descriptions of pools of shadow models.

    Raises:
        UnbenchError: the request or the files are wrong.
    """
    planner, plan = plan_sweep("preview", card, options, progress, download=False)
    counts = Display()
    counts.planned(plan, jobs(card, planner.settings.device), planner.history)
    rows: list[PreviewRow] = []
    for kind, name in counts.kinds().items():
        duration = counts.estimator.total(task for task in plan.tasks if task.kind == kind)
        rows.append(
            {
                "stage": name,
                "done": counts.stored[kind],
                "to_do": counts.total[kind],
                "shared_by": sum(users for task, users in plan.shared.items() if task.rpartition("-")[0] == kind)
                or None,
                "seconds": round(duration.seconds, 1) if duration.unknown == 0 else None,
            }
        )
    absent = f"; {len(plan.absent)} more runs whose data are not here yet" if plan.absent else ""
    takes = f"{counts.jobs} at a time, this will take {counts.left()}" if plan.tasks else "nothing to do"
    return rows, f"{takes}{absent}"


def _state(spec: RunSpec, planner: Planner, at_work: dict[str, Holder]) -> tuple[str, str]:
    try:
        state = planner.state(spec)
    except DataMissingError as error:
        return "unknown", str(error)
    holder = at_work.get(f"run-{state.key}")
    if holder is not None:
        return "running", f"by {holder}"
    if state.status is None:
        return "missing", ""
    return ("done", "") if state.status == "ok" else (state.status, state.error or "")


def _row(method: str, state: str, detail: str, spec: RunSpec | None = None) -> StatusRow:
    return {
        "method": method,
        "dataset": spec.dataset.name if spec else None,
        "scenario": spec.scenario.name if spec else None,
        "preset": spec.preset_name if spec else None,
        "seed": spec.seed if spec else None,
        "state": state,
        "detail": detail,
    }
