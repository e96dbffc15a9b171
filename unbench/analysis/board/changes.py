"""What changed on a leaderboard since other results, as plain data: marks for its tables, and lines that say more.

The verdicts are those of `unbench diff`, over the numbers that a run has in its row: a report shows no others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from unbench.analysis.board.cells import Cell, split_cells
from unbench.analysis.board.formatting import DOWN, GONE, NAMES, NEW, UP, amount, points
from unbench.analysis.board.leaderboard import leaderboard
from unbench.analysis.comparison.compare import compare, summary
from unbench.analysis.comparison.measures import LEAST
from unbench.analysis.comparison.noise import Verdict
from unbench.analysis.comparison.sides import Configuration, Side, configuration_of, make_side, read_side
from unbench.analysis.rows.labels import ROW, numerics
from unbench.analysis.rows.records import plain_records, records
from unbench.analysis.rows.reruns import ASKED
from unbench.analysis.rows.values import clean, present, sorted_json

if TYPE_CHECKING:
    import pandas as pd

    from unbench.analysis.board.selection import Selection

Row = dict[str, Any]

WORDS = {"changed": "beyond noise", "only in A": GONE, "only in B": NEW}
"""What a report calls a verdict, where not by its own name."""

QUIET: frozenset[str] = frozenset(("same", "within noise"))
"""Verdicts that say of nothing that it changed."""

_PLACE = ASKED[:-2]
"""All of what was asked for but method and hyper-parameters."""


@dataclass(frozen=True)
class Line:
    """One thing that differs, in words and numbers as they are shown; empty where there is none.

    Attributes:
        label: of the row of the leaderboard.
        what: a number, "status", "run" for single seeds or "row" for all of them.
        verdict: of WORDS or of `unbench diff`.
        before, after, difference, noise: means over the common seeds, and half the difference's 95 % interval.
        seeds: how many those are.
        note: what else is to be said.
        quiet: whether it is within noise.
    """

    label: str
    what: str
    verdict: str
    before: str
    after: str
    difference: str
    noise: str
    seeds: str
    note: str
    quiet: bool


@dataclass(frozen=True)
class RowChange:
    """What changed of one row of a leaderboard.

    Attributes:
        state: NEW, GONE, a verdict on its status, or empty.
        numbers: marks by column.
        found: rows of unbench.analysis.comparison.compare.compare but for those without a difference.
    """

    state: str = ""
    numbers: Mapping[str, str] = field(default_factory=dict)
    found: Sequence[Row] = ()

    def lines(self, label: str) -> Iterator[Line]:
        """What there is to say of the row, under the name that the report gives it."""
        for row in self.found:
            yield _line(row, label, self.state in (NEW, GONE))


@dataclass(frozen=True)
class Changes:
    """What changed since other results.

    Attributes:
        other: the runs that were compared with.
        said: in one line, how much changed.
        circumstances: in one line, what else differs; empty for nothing.
        rows: by what makes a row one (see `of`).
        gone: cells of the rows that only the other results have, with the numbers that they had.
    """

    other: pd.DataFrame
    said: str
    circumstances: str
    rows: Mapping[tuple[str, ...], RowChange]
    gone: tuple[Cell, ...]

    def of(self, row: Mapping[str, Any]) -> RowChange:
        """What changed of a row of the leaderboard; nothing if it has no run that was compared."""
        return self.rows.get(_identity(row), RowChange())

    def gone_from(self, cell: Cell) -> list[Row]:
        """Rows of the other results that would stand in this cell; the data's version may be another one there."""
        return [row for one in self.gone if _place(one) == _place(cell) for row in records(one.rows)]

    def gone_cells(self, cells: Sequence[Cell]) -> list[Cell]:
        """Cells that only the other results have."""
        known = {_place(cell) for cell in cells}
        return [cell for cell in self.gone if _place(cell) not in known]

    def lines(self, cell: Cell) -> list[Line]:
        """What there is to say of a cell, by row in the order of its table, with the rows that are gone last."""
        found = [line for row in records(cell.rows) for line in self.of(row).lines(row["label"])]
        return found + [line for row in self.gone_from(cell) for line in self.of(row).lines(row["label"])]


def changes_since(
    other: Path | str, results: Path, frame: pd.DataFrame, selection: Selection, log: Callable[[str], None]
) -> Changes:
    """Compare the runs of a report with those of other results that pass the same filters.

    Args:
        other: a results folder, or FOLDER@COMMIT for the runs of one commit.
        results: the folder of the report's runs.
        frame: those runs.
        selection: the filters.
        tell: is given a line about runs of either side that are left out.

    Raises:
        StoreError: OTHER is not there or holds no runs, or a file in it is corrupt.
        SpecError: OTHER is no folder, or has no such commit.
    """
    first = read_side(other, log, selection.kept)
    second = make_side(results, results, frame, log)
    circumstances: list[str] = []
    compared = compare(first, second, metrics=False, log=circumstances.append)
    by_cell: dict[Configuration, list[Row]] = {}
    labels: dict[Configuration, str] = {}
    for row in plain_records(compared):
        labels[configuration_of(row)] = row["label"]
        if row["verdict"] != "same":
            by_cell.setdefault(configuration_of(row), []).append(row)
    before, after = ({cell for cell, _ in side.runs} for side in (first, second))
    gone = before - after
    states = {**dict.fromkeys(gone, GONE), **dict.fromkeys(after - before, NEW)}
    changed = {cell: _row_change(by_cell.get(cell, []), states.get(cell, "")) for cell in labels}
    found = {
        _identity(run): changed[cell]
        for side in (first, second)
        for (cell, _), run in side.runs.items()
        if side is second or cell in gone
    }
    return Changes(first.frame, summary(compared, WORDS), " ".join(circumstances), found, _gone(first, gone, labels))


def _row_change(found: Sequence[Row], state: str) -> RowChange:
    numbers: dict[str, str] = {}
    order: tuple[str, ...] = get_args(Verdict)
    # The most telling mark is set last: a number that some seed has lost has no mean any more.
    for row in sorted(found, key=lambda row: (row["verdict"] == "only in A", -order.index(row["verdict"]))):
        verdict, measure = row["verdict"], row["measure"]
        if measure == "status":
            state = state or verdict
        elif measure != "run" and verdict == "changed":
            numbers[measure] = UP if row["difference"] > 0 else DOWN
        elif measure != "run" and verdict in ("only in A", "only in B"):
            numbers[measure] = WORDS[verdict]
    return RowChange(state, numbers, found)


def _gone(first: Side, gone: set[Configuration], labels: Mapping[Configuration, str]) -> tuple[Cell, ...]:
    """The leaderboard of the runs that only the first side has, with the names that they have beside the others."""
    keys = {run["run_key"] for (cell, _), run in first.runs.items() if cell in gone}
    board = leaderboard(first.frame[first.frame["run_key"].isin(keys)])
    if board.empty:
        return ()
    board["label"] = [labels[configuration_of(row)] for row in records(board)]
    return tuple(split_cells(board))


def _identity(row: Mapping[str, Any]) -> tuple[str, ...]:
    """What makes two runs, or a run and a row of the leaderboard, the same but for their seed."""
    plain = {
        **{name: row[name] for name in ROW},
        **{name: sorted_json(row[name]) for name in ("model_options", "training", "hparams")},
        "stem": clean(row["stem"] or ""),
        "numerics_version": int(numerics(row)),
    }
    return tuple(map(str, plain.values()))


def _place(cell: Cell) -> tuple[str, ...]:
    return tuple(str(cell.rows.iloc[0][name]) for name in _PLACE)


def _line(row: Row, label: str, whole: bool) -> Line:
    measure, verdict = str(row["measure"]), str(row["verdict"])
    show = amount if measure in LEAST else points
    what = "row" if measure == "run" and whole else NAMES.get(measure, measure)
    before, after, noise = (show(row[name]) if present(row[name]) else "" for name in ("mean_a", "mean_b", "noise"))
    return Line(
        label=label,
        what=what,
        verdict=WORDS.get(verdict, verdict),
        before=before,
        after=after,
        difference=_signed(row["difference"], show),
        noise=noise,
        seeds=str(row["seeds"]) if row["seeds"] else "",
        note=row["note"],
        quiet=verdict in QUIET,
    )


def _signed(value: Any, show: Callable[[Any], str]) -> str:
    """A difference with its sign.

    >>> _signed(1.5, points), _signed(-0.25, points), _signed(None, points)
    ('+1.50', '−0.25', '')
    """
    if not present(value):
        return ""
    return f"{'+' if value >= 0 else '−'}{show(abs(value))}"
