"""One of the two things that are compared: a results folder, or what one commit left in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unbench.errors import SpecError, StoreError, UnknownNameError
from unbench.reporting.formatting import canonical
from unbench.reporting.records import records
from unbench.store import Store, load_results, newest_attempts

CELL = ("dataset", "scenario", "preset", "model", "method", "hparams")
"""What was asked for, but for the seed. No versions: a comparison is there to see what they change."""

Cell = tuple[str, ...]
Row = dict[str, Any]


@dataclass(frozen=True)
class Side:
    """What is on one side.

    Attributes:
        name: as it was asked for.
        store: its results folder.
        runs: cell and seed to the one row that stands for them.
    """

    name: str
    store: Store
    runs: dict[tuple[Cell, int], Row]

    def metrics(self, row: Row) -> list[Row]:
        """What `unbench evaluate` made of just this attempt, with METRIC_COLUMNS; none if it was not evaluated."""
        return self.store.read_metrics(self.store.metrics_path(row))


def read_side(asked: Path | str, tell: Callable[[str], None]) -> Side:
    """The runs of FOLDER, or of FOLDER@COMMIT those made at the commit whose hash begins with COMMIT.

    Of the attempts of a run its newest ok one counts, else its newest. Where runs of one folder differ in nothing but
    versions, data or training recipe, the newest ok one stands for them all.

    Raises:
        StoreError: there is no such folder, it holds no runs, or a file in it is corrupt.
        SpecError: several commits begin so; UnknownNameError: none does.
    """
    folder, commit = _split(asked)
    frame = load_results(folder, "all")
    if frame.empty:
        raise StoreError(f"there are no runs in {folder}")
    if commit is not None:
        frame = frame[frame["git_commit"] == _commit(commit, frame["git_commit"].dropna().unique().tolist(), folder)]
    # NaN is what pandas has in the place of nothing, of text as well; unlike None it is not equal to itself.
    frame = newest_attempts(frame).astype(object)
    rows = records(frame.where(frame.notna(), None))
    runs: dict[tuple[Cell, int], Row] = {}
    for row in sorted(rows, key=lambda row: (row["status"] == "ok", row["started_at"] or "", row["run_key"])):
        row["hparams"] = canonical(row["hparams"])
        runs[tuple(str(row[name]) for name in CELL), int(row["seed"])] = row
    if older := len(rows) - len(runs):
        tell(f"{asked}: {older} older run(s) of what was run again with other versions, data or training are left out")
    dirty = sum(row["git_dirty"] is True for row in runs.values())
    if commit is not None and dirty:
        tell(f"{asked}: {dirty} of {len(runs)} runs were made with uncommitted changes to that commit")
    return Side(str(asked), Store(folder), runs)


def _split(asked: Path | str) -> tuple[Path, str | None]:
    # A folder's own name may hold an @.
    if "@" not in str(asked) or Path(asked).is_dir():
        return Path(asked), None
    folder, _, commit = str(asked).rpartition("@")
    if not folder or not commit:
        raise SpecError(f"cannot read '{asked}'; write FOLDER or FOLDER@COMMIT")
    return Path(folder), commit.lower()


def _commit(start: str, known: list[str], folder: Path) -> str:
    found = [commit for commit in known if commit.startswith(start)]
    if not found:
        raise UnknownNameError("commit", start, [commit[:12] for commit in known])
    if len(found) > 1:
        names = ", ".join(commit[:12] for commit in sorted(found))
        raise SpecError(f"{len(found)} commits in {folder} begin with '{start}': {names}")
    return found[0]
