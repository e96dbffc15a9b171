"""Cross-setting comparison: the methods of one preset over all its cells, their ranks, and which ranks differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from unbench.analysis.board.cells import BoardCell, short_titles
from unbench.analysis.board.ranks import CriticalDifference, Ranking, critical_difference, ranking
from unbench.analysis.rows.labels import row_labels

SAME = (
    "A name stands for one row of each cell: the one with the method's default or tuned hyper-parameters, or its only "
    "one. Rows of outdated versions are left out. The oracle and the noise floor are those that post-hoc methods "
    "share; a method with an oracle of its own is compared with that one."
)
"""When rows of different cells share a name."""


@dataclass(frozen=True)
class CrossSetting:
    """The cells of one preset, compared; presets are never mixed.

    Attributes:
        preset: its name.
        cells: those with current rows.
        entries: for each cell its current rows by name; the names are labels without outdated rows beside them.
    """

    preset: str
    cells: tuple[BoardCell, ...]
    entries: tuple[dict[str, dict[str, Any]], ...]

    @cached_property
    def titles(self) -> tuple[str, ...]:
        """Titles of the cells, without the parts that all share if the rest is distinct."""
        return short_titles(self.cells)

    @property
    def names(self) -> list[str]:
        """Names of all entries, each once, in the order in which cells have them."""
        return list(dict.fromkeys(name for rows in self.entries for name in rows))

    @cached_property
    def ranking(self) -> Ranking:
        """Mean ranks over the cells."""
        return ranking(self.titles, self.entries, self.cells[0].basis)

    @cached_property
    def critical(self) -> CriticalDifference | str:
        """The test of these ranks, or why there is none."""
        return critical_difference(self.ranking)


def cross_settings(cells: Sequence[BoardCell]) -> list[CrossSetting]:
    """Group the cells by preset, in their order."""
    by_preset: dict[str, list[BoardCell]] = {}
    for cell in cells:
        if cell.competitors:
            by_preset.setdefault(str(cell.records[0]["preset"]), []).append(cell)
    return [
        CrossSetting(preset, tuple(members), tuple(_entries(cell) for cell in members))
        for preset, members in by_preset.items()
    ]


def _entries(cell: BoardCell) -> dict[str, dict[str, Any]]:
    rows = list(cell.competitors.values())
    return dict(zip(row_labels(rows), rows, strict=True))
