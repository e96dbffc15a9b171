"""Groups of rows that share an oracle: post-hoc methods share one, a by-design method has its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from unbench.analysis.board.leaderboard import LEVELS
from unbench.analysis.rows.records import records
from unbench.analysis.rows.values import present

if TYPE_CHECKING:
    import pandas as pd

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
    row: dict[str, Any]


def oracle_groups(rows: pd.DataFrame) -> list[OracleGroup]:
    """Find the distinct pairs of original and oracle in one cell, in the order of its rows."""
    found: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in records(rows[rows["n_seeds"] > 0]):
        values = [row[f"{name}_{part}"] for name in _SHARED for part in ("mean", "std")]
        if not any(map(present, values)):
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
