"""What a sweep would do, and how long that would take."""

from __future__ import annotations

from typing import TypedDict, Unpack

from unbench.progress import Progress
from unbench.sweeps.display import Display
from unbench.sweeps.sweep import SweepOptions, jobs, plan_sweep
from unbench.sweeps.sweep_file import SweepCard
from unbench.sweeps.tasks import KINDS


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
    for kind, name in KINDS.items():
        if counts.total[kind] or counts.stored[kind]:
            duration = counts.estimator.total(task for task in plan.tasks if task.kind == kind)
            shared = sum(users for task, users in plan.shared.items() if task.rpartition("-")[0] == kind)
            rows.append(
                {
                    "stage": name,
                    "done": counts.stored[kind],
                    "to_do": counts.total[kind],
                    "shared_by": shared or None,
                    "seconds": round(duration.seconds, 1) if duration.unknown == 0 else None,
                }
            )
    absent = f"; {len(plan.absent)} more runs whose data are not here yet" if plan.absent else ""
    takes = f"{counts.jobs} at a time, this will take {counts.left()}" if plan.tasks else "nothing to do"
    return rows, f"{takes}{absent}"
