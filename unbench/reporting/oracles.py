"""Which rows share an oracle: post-hoc methods share one, a by-design method has its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from unbench.reporting.formatting import present
from unbench.reporting.leaderboard import LEVELS
from unbench.reporting.records import records

if TYPE_CHECKING:
    import pandas as pd

POST_HOC = "post-hoc methods"
"""Who shares an oracle with all that have none of their own."""

_SHARED = (*LEVELS, "avg_gap_floor", "train_seconds", "oracle_seconds")


@dataclass(frozen=True)
class OracleGroup:
    """Rows of one cell with one original and one oracle.

    Attributes:
        who: empty if it is the only group of its cell, else whose oracle it is.
        labels: of its rows.
        row: one of them, for the columns that they share.
    """

    who: str
    labels: tuple[str, ...]
    row: dict[str, Any]


def oracle_groups(rows: pd.DataFrame) -> list[OracleGroup]:
    """The distinct pairs of original and oracle in one cell, in the order of its rows."""
    found: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in records(rows[rows["n_seeds"] > 0]):
        columns = [f"{name}_{part}" for name in _SHARED for part in ("mean", "std")]
        if not any(present(row[f"{name}_mean"]) for name in _SHARED):
            continue
        key = tuple(row[column] if present(row[column]) else None for column in columns)
        found.setdefault(key, []).append(row)
    ordinary = {str(r["label"]) for group in found.values() for r in group if r["method_family"] != "by-design"}
    groups = []
    for members in found.values():
        labels = tuple(str(row["label"]) for row in members)
        who = POST_HOC if set(labels) == ordinary else ", ".join(labels)
        groups.append(OracleGroup(who if len(found) > 1 else "", labels, members[0]))
    return groups
