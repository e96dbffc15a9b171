"""How far sweeps are: what is done, who is at work on what, what failed and why, what is missing."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unbench.errors import DataMissingError
from unbench.store.locks import Holder, holders
from unbench.store.results import Store
from unbench.sweeps.history import remembered
from unbench.sweeps.plan import Planner, Site
from unbench.sweeps.sweep_file import RunRequest, SweepCard

if TYPE_CHECKING:
    from unbench.data.loading import Checksums


def status(
    card: SweepCard | None = None,
    *,
    results: Path | str = "results",
    data_root: Path | str | None = None,
    checksums: Checksums = "auto",
) -> list[dict[str, Any]]:
    """One row for each run: method, dataset, scenario, preset, seed, state, detail.

    The state is "done", "running", "missing", "unknown" (its data are not at hand), or the status of a run that was
    skipped or went wrong. The detail says by whom and since when, or why. Stages that somebody trains have rows too.

    Args:
        card: a sweep; None for all that were ever begun in this results folder.
        results, data_root, checksums: as for `unbench.run`; nothing is downloaded.

    Raises:
        UnbenchError: there is no such folder, or a request is wrong.
    """
    store = Store(results)
    store.check_there("unbench sweep")
    cards = [card] if card is not None else remembered(store)
    requests = dict.fromkeys(request for one in cards for request in one.requests())
    at_work = holders(store.locks)
    planner = Planner(Site(store.folder, Path(data_root) if data_root else None, checksums=checksums), download=False)
    rows = [_row(request, *_state(request, planner, at_work)) for request in requests]
    return [*rows, *_stages(at_work)]


def _state(request: RunRequest, planner: Planner, at_work: dict[str, Holder]) -> tuple[str, str]:
    try:
        state = planner.state(request)
    except DataMissingError as error:
        return "unknown", str(error)
    holder = at_work.get(f"run-{state.key}")
    if holder is not None:
        return "running", _by(holder)
    if state.status is None:
        return "missing", ""
    return ("done", "") if state.status == "ok" else (state.status, state.error or "")


def _row(request: RunRequest, state: str, detail: str) -> dict[str, Any]:
    names = ("method", "dataset", "scenario", "preset", "seed")
    return {**{name: getattr(request, name) for name in names}, "state": state, "detail": detail}


def _stages(at_work: dict[str, Holder]) -> Iterable[dict[str, Any]]:
    for name, holder in at_work.items():
        if not name.startswith("run-"):
            none = dict.fromkeys(("dataset", "scenario", "preset", "seed"))
            yield {"method": name.rpartition("-")[0], **none, "state": "running", "detail": _by(holder)}


def _by(holder: Holder) -> str:
    return f"by {holder}"
