"""One side of a comparison: a results folder, or what one commit left in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from unbench.analysis.rows.records import plain_records
from unbench.analysis.rows.reruns import ASKED, newest_reruns
from unbench.errors import SpecError, StoreError, UnknownNameError
from unbench.store.metric_rows import read_metric_rows
from unbench.store.results import Store, load_results, newest_attempts
from unbench.store.schema import Row

Configuration = tuple[str, ...]
"""Values of a run in the columns ASKED: what was asked for, except the seed; JSON is as `sorted_json` writes it."""


@dataclass(frozen=True)
class Side:
    """One side of a comparison.

    Attributes:
        store: its results folder.
        runs: configuration and seed to the one row that represents them.
    """

    store: Store
    runs: dict[tuple[Configuration, int], Row]

    def metrics(self, row: Row) -> list[Row]:
        """Read the evaluated metrics of this attempt, with METRIC_COLUMNS; none if it was not evaluated."""
        return [vars(one) for one in read_metric_rows(self.store.metrics_path(row))]


def read_side(asked: Path | str, log: Callable[[str], None]) -> Side:
    """Read the runs of FOLDER, or for FOLDER@COMMIT those made at the commit whose hash begins with COMMIT.

    Of the attempts at a run, the newest ok one counts, else the newest. Of runs that differ only in versions, data or
    training recipe, the newest ok one represents them all.

    Args:
        asked: FOLDER or FOLDER@COMMIT.
        log: takes a line about runs that are left out, or that were made with uncommitted changes.

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
    frame = newest_attempts(frame)
    newest = newest_reruns(frame)
    if older := len(frame) - len(newest):
        log(f"{asked}: leaving out {older} older run(s), run again since with other versions, data or training")
    side = Side(Store(folder), {(_configuration(row), int(row["seed"])): row for row in plain_records(newest)})
    dirty = sum(row["git_dirty"] is True for row in side.runs.values())
    if commit is not None and dirty:
        log(f"{asked}: {dirty} of {len(side.runs)} runs were made with uncommitted changes to that commit")
    return side


def _configuration(row: Row) -> Configuration:
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
