"""What each pathway of a memory model knows alone: accuracies before and after deletion, beside the oracle's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from unbench.analysis.rows.noted import NotedTable
from unbench.analysis.rows.values import present
from unbench.report.figures.accuracy import SETS, draw_levels
from unbench.report.figures.style import Palette
from unbench.report.sections.audit import MODELS, audited
from unbench.store.schema import PATHWAYS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST = 6
"""Methods that fit on a page, with four bars each; the best come first."""

_ORACLE = "oracle_"


def audit_data(rows: Sequence[dict[str, Any]]) -> NotedTable:
    """Return one row per method, pathway, model and set: label, method, pathway, model, set, mean, std, oracle.

    Args:
        rows: of one cell of the leaderboard; of each method the one that the audit shows.
    """
    import pandas as pd

    chosen = audited(rows)
    known = []
    for row in chosen[:MOST]:
        for pathway in PATHWAYS:
            for prefix, when in MODELS.items():
                if prefix == _ORACLE:
                    continue
                known += [
                    {
                        "label": f"{row['label']}, {pathway} alone, {when.removesuffix(' deletion')}",
                        "method": row["method"],
                        "pathway": pathway,
                        "model": when,
                        "set": column.removesuffix("_acc"),
                        "mean": row[f"{prefix}{pathway}_{column}_mean"],
                        "std": row[f"{prefix}{pathway}_{column}_std"],
                        "oracle": row[f"{_ORACLE}{pathway}_{column}_mean"],
                    }
                    for column in SETS
                ]
    columns = ["label", "method", "pathway", "model", "set", "mean", "std", "oracle"]
    left = [str(row["label"]) for row in chosen[MOST:]]
    notes = (f"Not drawn for want of room: {', '.join(left)}.",) if left else ()
    table = pd.DataFrame(known, columns=columns)
    return NotedTable(table if any(map(present, table["mean"])) else table[:0], notes)


def draw_audit(data: NotedTable, title: str, palette: Palette) -> Figure:
    """Draw horizontal bars in three panels."""
    return draw_levels(data, title, palette, "the same pathway of its own oracle")
