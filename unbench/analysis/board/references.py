"""What stands on top of every table: the oracle, and the noise floor, which is how far a second oracle is from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from unbench.analysis.board.oracles import oracle_groups
from unbench.config.reference_names import ORACLE
from unbench.metrics.gap import MEASURES

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]


@dataclass(frozen=True)
class Reference:
    """One row that is no method's: its name, whose it is ("" for all), and mean and spread by column of the board."""

    name: str
    who: str
    n_seeds: int
    values: dict[str, tuple[Any, Any]]


def count_oracles(rows: Sequence[Mapping[str, Any]]) -> int:
    """How many rows of a cell are the oracle's own: they are its first, and the references come below them."""
    return sum(row["method"] == ORACLE and not row["outdated"] for row in rows)


def references(rows: pd.DataFrame) -> list[Reference]:
    """The oracle, unless it is among the rows as a method, and the noise floor, of the methods that share an oracle.

    Methods with an oracle of their own get theirs only where no others are there.

    Args:
        rows: of one cell of the leaderboard, none of them outdated.
    """
    groups = oracle_groups(rows)
    shared = [group for group in groups if group.shared] or groups
    known = ORACLE in set(rows.loc[rows["n_seeds"] > 0, "method"])
    found = []
    for group in shared:
        row = group.row
        levels = {measure: _pair(row, f"oracle_{measure}") for measure in MEASURES}
        oracle = {**levels, "avg_gap": (0.0, None), "unlearn_seconds": _pair(row, "oracle_seconds")}
        if not known:
            found.append(Reference("oracle", group.who, row["n_seeds"], oracle))
        floor = {"avg_gap": _pair(row, "avg_gap_floor")}
        found.append(Reference("noise floor", group.who, row["n_seeds"], floor))
    return found


def _pair(row: Row, column: str) -> tuple[Any, Any]:
    return row[f"{column}_mean"], row[f"{column}_std"]
