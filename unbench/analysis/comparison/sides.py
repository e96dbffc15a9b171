"""One side of a comparison: a results folder, or what one commit left in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from unbench.analysis.rows.records import plain_records
from unbench.analysis.rows.reruns import ASKED, newest_reruns
from unbench.errors import SpecError, StoreError, UnknownNameError
from unbench.store.metric_rows import read_metric_rows
from unbench.store.results import Store, load_results, newest_attempts
from unbench.store.schema import Row

if TYPE_CHECKING:
    import pandas as pd

Configuration = tuple[str, ...]
"""Values of a run in the columns ASKED: what was asked for, except the seed."""


@dataclass(frozen=True)
class Side:
    """One side of a comparison.

    Attributes:
        name: as the caller wrote it.
        store: its results folder.
        frame: its rows, one for each run.
        runs: configuration and seed to the one row that represents them.
    """

    name: str
    store: Store
    frame: pd.DataFrame
    runs: dict[tuple[Configuration, int], Row]

    def metrics(self, row: Row) -> list[Row]:
        """Read the evaluated metrics of this attempt, with METRIC_COLUMNS; none if it was not evaluated."""
        return [vars(one) for one in read_metric_rows(self.store.metrics_path(row))]


def read_side(
    asked: Path | str,
    log: Callable[[str], None],
    keep: Callable[[pd.DataFrame], pd.DataFrame] = lambda frame: frame,
) -> Side:
    """Read the runs of FOLDER, or for FOLDER@COMMIT those made at the commit whose hash begins with COMMIT.

    Of the attempts at a run, the newest ok one counts, else the newest.

    Args:
        asked: FOLDER or FOLDER@COMMIT.
        log: takes a line about runs that are left out, or that were made with uncommitted changes.
        keep: selects rows among those of all runs.

    Raises:
        StoreError: there is no such folder, it holds no runs, or a file in it is corrupt.
        SpecError: `asked` is a file, or several commits begin so.
        UnknownNameError: no commit begins so.
    """
    folder, commit = _split(asked)
    if folder.is_file():
        raise SpecError(f"{folder} is a file; name a folder of results, or FOLDER@COMMIT")
    frame = load_results(folder, "all")
    if frame.empty:
        raise StoreError(f"there are no runs in {folder}")
    if commit is not None:
        frame = frame[frame["git_commit"] == _commit(commit, frame["git_commit"].dropna().unique().tolist(), folder)]
    side = make_side(asked, folder, newest_attempts(keep(frame)), log)
    dirty = sum(row["git_dirty"] is True for row in side.runs.values())
    if commit is not None and dirty:
        log(f"{asked}: {dirty} of {len(side.runs)} runs were made with uncommitted changes to that commit")
    return side


def make_side(name: Path | str, folder: Path, frame: pd.DataFrame, log: Callable[[str], None]) -> Side:
    """Build a side from rows that have been read already.

    Of runs that differ only in versions, data or training recipe, the newest ok one represents them all.

    Args:
        name: what `log` calls it.
        folder: the results folder of the rows.
        frame: one row for each run.
        log: takes a line about runs that are left out.
    """
    newest = newest_reruns(frame)
    runs: dict[tuple[Configuration, int], Row] = {
        (configuration_of(row), int(row["seed"])): row for row in plain_records(newest)
    }
    if older := len(frame) - len(newest):
        log(f"{name}: leaving out {older} older run(s), run again since with other versions, data or training")
    return Side(str(name), Store(folder), frame, runs)


def configuration_of(row: Row) -> Configuration:
    """Return what was asked for in a run, except the seed; its hyper-parameters are as `sorted_json` writes them."""
    return tuple(str(row[name]) for name in ASKED)


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
