"""What the rows of one preset say over all its cells: the entries, their ranks, and what tells them apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from unbench.analysis.board.cells import Cell
from unbench.analysis.board.critical import CriticalDifference, critical_difference
from unbench.analysis.board.entries import Arena, arenas
from unbench.analysis.board.ranks import Ranking, ranking


@dataclass(frozen=True)
class Contest:
    """One preset.

    Attributes:
        arena: its cells and their entries.
        ranking: mean ranks over the cells.
        critical: the test of these ranks, or why there is none.
    """

    arena: Arena
    ranking: Ranking
    critical: CriticalDifference | str


def contests(cells: Sequence[Cell]) -> list[Contest]:
    """One for each preset, in the order of the cells; presets are never mixed."""
    ranked = [(arena, ranking(arena)) for arena in arenas(cells)]
    return [Contest(arena, found, critical_difference(found)) for arena, found in ranked]
