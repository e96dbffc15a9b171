"""Oracles of a cell: groups of rows that share one, and the reference rows on top of every table.

Post-hoc methods share an oracle, a by-design method has its own. The reference rows are the oracle, and the noise
floor, the distance of a second oracle to it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from unbench.analysis.board.leaderboard import LEVELS
from unbench.analysis.rows.values import present
from unbench.config.reference_names import ORACLE
from unbench.metrics.gap import MEASURES
from unbench.store.schema import Row

_SHARED = (*LEVELS, "avg_gap_floor")
"""What distinguishes oracles; not their training time, which differs if one is trained again to the same bits."""


@dataclass(frozen=True)
class OracleGroup:
    """Rows of one cell with one original and one oracle.

    Attributes:
        who: empty if it is the only group of its cell, else whose oracle it is.
        shared: whether it is the oracle of all methods that have none of their own, or the only one.
        labels: of its rows.
        row: the first of them, for the columns that they share, and for the time of training.
    """

    who: str
    shared: bool
    labels: tuple[str, ...]
    row: Row


def oracle_groups(rows: Sequence[Row]) -> list[OracleGroup]:
    """Find the distinct pairs of original and oracle in one cell, in the order of its rows."""
    found: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        values = [row[f"{name}_{part}"] for name in _SHARED for part in ("mean", "std")]
        if row["n_seeds"] == 0 or not any(map(present, values)):
            continue
        # Rounded, because the order of a sum changes its last bit.
        key = tuple(f"{value:.9g}" if present(value) else "" for value in values)
        found.setdefault(key, []).append(row)
    ordinary = {str(r["label"]) for group in found.values() for r in group if r["method_family"] != "by-design"}
    groups = []
    for members in found.values():
        labels = tuple(str(row["label"]) for row in members)
        alone, shared = len(found) == 1, set(labels) == ordinary
        who = "" if alone else "post-hoc methods" if shared else ", ".join(labels)
        groups.append(OracleGroup(who, alone or shared, labels, members[0]))
    return groups


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


def references(rows: Sequence[Row], metric: str = "avg_gap") -> list[ReferenceRow]:
    """Return the oracle, unless it is among the rows as a method, and the noise floor, for the methods that share one.

    Methods with an oracle of their own get theirs only if there are no other methods.

    Args:
        rows: of one cell of the leaderboard, none of them outdated.
        metric: another column that the oracle may have a value of.
    """
    groups = oracle_groups(rows)
    shared = [group for group in groups if group.shared] or groups
    known = any(row["method"] == ORACLE and row["n_seeds"] > 0 for row in rows)
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
