"""What a sweep would do, and how long that would take."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unbench.progress import Progress
from unbench.store.results import Store
from unbench.sweeps.display import KINDS, Counts, duration
from unbench.sweeps.plan import Planner, check_extent
from unbench.sweeps.sweep import jobs, make_site
from unbench.sweeps.sweep_file import SweepCard

if TYPE_CHECKING:
    from unbench.data.loading import Checksums


def preview(
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
) -> tuple[list[dict[str, Any]], str]:
    """A row for each stage (stage, done, to_do, shared_by, seconds), and a line that says how long all will take.

    `done` are models and runs that are there, `shared_by` how many of the missing runs use those of a stage, `seconds`
    the time that those to do will take one after the other, as far as past runs tell. Nothing is downloaded, trained or
    stored but the indices of splits, and what pools of shadow models are of.

    Raises:
        UnbenchError: the request or the files are wrong.
    """
    check_extent(retry, limit)
    Store(results).check_writable()
    planner = Planner(make_site(card, results, data_root, device, checksums), progress, False, verify)
    plan = planner.plan(card.requests(), card.shadow_requests(), retry, limit, allow_absent=True)
    counts = Counts()
    counts.planned(plan, jobs(card, device), planner.history)
    rows: list[dict[str, Any]] = []
    for kind, name in KINDS.items():
        if counts.total[kind] or counts.there[kind]:
            estimate = counts.estimator.total(task for task in plan.tasks if task.kind == kind)
            shared = sum(users for stage, users in plan.shared.items() if stage.rpartition("-")[0] == kind)
            known = estimate.unknown == 0
            rows.append(
                {
                    "stage": name,
                    "done": counts.there[kind],
                    "to_do": counts.total[kind],
                    "shared_by": shared or None,
                    "seconds": round(estimate.seconds, 1) if known else None,
                }
            )
    absent = f"; {len(plan.absent)} runs more whose data are not here yet" if plan.absent else ""
    takes = f"{counts.jobs} at a time, this will take {duration(counts.left())}" if plan.tasks else "nothing to do"
    return rows, f"{takes}{absent}"
