"""Rows of several cells that are the same entry: what is set side by side, and ranked over cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from unbench.analysis.board.cells import Cell, short_titles
from unbench.analysis.rows.labels import row_labels

Row = dict[str, Any]

SAME = (
    "A name stands for one row of each cell: that with the method's default or tuned hyper-parameters, or its only "
    "one. Rows of outdated versions have no part in this. The oracle and the noise floor are those that post-hoc "
    "methods share; a method with an oracle of its own is measured by that one."
)
"""How rows of different cells come to share a name."""


@dataclass(frozen=True)
class Arena:
    """The cells of one preset; presets are never mixed.

    Attributes:
        preset: its name.
        cells: those with current rows.
        entries: for each cell its current rows by name; the names are labels without outdated rows beside them.
    """

    preset: str
    cells: tuple[Cell, ...]
    entries: tuple[dict[str, Row], ...]

    @property
    def titles(self) -> tuple[str, ...]:
        """Of the cells, without what is the same in all of them where that leaves each its own."""
        return short_titles(self.cells)

    @property
    def names(self) -> list[str]:
        """Of all entries, each once, in the order in which cells have them."""
        return list(dict.fromkeys(name for rows in self.entries for name in rows))


def arenas(cells: Sequence[Cell]) -> list[Arena]:
    """One for each preset, in the order of the cells."""
    by_preset: dict[str, list[Cell]] = {}
    for cell in cells:
        if len(cell.current):
            by_preset.setdefault(str(cell.current.iloc[0]["preset"]), []).append(cell)
    return [
        Arena(preset, tuple(members), tuple(_entries(cell) for cell in members))
        for preset, members in by_preset.items()
    ]


def _entries(cell: Cell) -> dict[str, Row]:
    rows = list(cell.competitors.values())
    return dict(zip(row_labels(rows), rows, strict=True))
