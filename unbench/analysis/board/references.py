"""The reference rows on top of every table: the oracle, and the noise floor, the distance of a second oracle to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from unbench.analysis.board.oracles import oracle_groups
from unbench.config.reference_names import ORACLE
from unbench.metrics.gap import MEASURES
from unbench.store.schema import Row

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class ReferenceRow:
    """A row that belongs to no method: its name, whose it is ("" for all), and mean and spread by column."""

    name: str
    who: str
    n_seeds: int
    values: dict[str, tuple[Any, Any]]


def count_oracles(rows: Sequence[Row]) -> int:
    """Return how many rows of a cell are the oracle's own; they come first, and the references follow them."""
    return sum(row["method"] == ORACLE and not row["outdated"] for row in rows)


def references(rows: pd.DataFrame, metric: str = "avg_gap") -> list[ReferenceRow]:
    """Return the oracle, unless it is among the rows as a method, and the noise floor, for the methods that share one.

    Methods with an oracle of their own get theirs only if there are no other methods.

    Args:
        rows: of one cell of the leaderboard, none of them outdated.
        metric: another column that the oracle may have a value of.
    """
    groups = oracle_groups(rows)
    shared = [group for group in groups if group.shared] or groups
    known = ORACLE in set(rows.loc[rows["n_seeds"] > 0, "method"])
    found = []
    for group in shared:
        row = group.row
        oracle = {name: _pair(row, f"oracle_{name}") for name in (*MEASURES, metric) if f"oracle_{name}_mean" in row}
        oracle |= {"avg_gap": (0.0, None), "unlearn_seconds": _pair(row, "oracle_seconds")}
        if not known:
            found.append(ReferenceRow("oracle", group.who, row["n_seeds"], oracle))
        floor = {"avg_gap": _pair(row, "avg_gap_floor")}
        found.append(ReferenceRow("noise floor", group.who, row["n_seeds"], floor))
    return found


def _pair(row: Row, column: str) -> tuple[Any, Any]:
    return row[f"{column}_mean"], row[f"{column}_std"]
