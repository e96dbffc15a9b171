"""Leakage audit: what each pathway of a memory model predicts alone, before deletion, after it and without the data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unbench.analysis.board.formatting import title_of
from unbench.analysis.board.leaderboard import AUDIT
from unbench.analysis.rows.defaults import is_default
from unbench.analysis.rows.values import present
from unbench.metrics.gap import MEASURES
from unbench.reporting.board_tables import number_cell
from unbench.reporting.markup import escape, markdown_table
from unbench.reporting.table import ReportTable, texts
from unbench.store.schema import PATHWAYS, Row

MODELS = {"original_": "before deletion", "": "after deletion", "oracle_": "oracle"}
"""Column prefixes of the three models, in order, and what they are to a memory."""

SPLITS = {"val": "validation", "forget": "forget set"}

READING = """\
Each pathway predicts alone: the image with no memory, the memory with no image. Deletion removes entries from the
memory and cannot change the image pathway, so what its weights retain of the forgotten images shows where its FA
and MIA after deletion differ from the oracle's. P_s is the accuracy of the image pathway alone minus
that of the memory pathway alone, in points: above 0 the image is more informative, below 0 the memory is, and on the
forget set deletion should bring it to the oracle's.
"""


def audited(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Select one row for each method with pathways: that of its default hyper-parameters, else its first.

    Args:
        rows: of one cell of the leaderboard.
    """
    chosen: dict[str, dict[str, Any]] = {}
    for row in filter(_has_pathways, rows):
        if row["method"] not in chosen or (is_default(row) and not is_default(chosen[row["method"]])):
            chosen[row["method"]] = row
    return list(chosen.values())


def _has_pathways(row: Row) -> bool:
    return any(present(row[f"{name}_mean"]) for name in AUDIT)


def audit_section(rows: Sequence[dict[str, Any]]) -> str:
    """Write the audit of one cell; empty if no method has pathways."""
    chosen = audited(rows)
    if not chosen:
        return ""
    parts = ["### Leakage audit\n", READING]
    if len(chosen) < sum(map(_has_pathways, rows)):
        parts.append("One row is shown for each method, its default if there is one; leaderboard.csv has all.\n")
    for row in chosen:
        parts += [f"**{escape(row['label'])}**:\n", *map(markdown_table, (_pathways(row), _sensitivity(row)))]
    return "\n".join(parts)


def _pathways(row: Row) -> ReportTable:
    lines = (
        (*texts(f"{path} alone", when), *(number_cell(row, f"{prefix}{path}_{name}") for name in MEASURES))
        for path in PATHWAYS
        for prefix, when in MODELS.items()
    )
    return ReportTable(("Pathway", "Model", *map(title_of, MEASURES)), tuple(lines), texts=2)


def _sensitivity(row: Row) -> ReportTable:
    lines = (
        (*texts(f"P_s, {name}"), *(number_cell(row, f"{prefix}pathway_sensitivity_{split}") for prefix in MODELS))
        for split, name in SPLITS.items()
    )
    return ReportTable(("Image minus memory, points", *MODELS.values()), tuple(lines))
