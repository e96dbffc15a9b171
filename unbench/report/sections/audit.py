"""Leakage audit: what each pathway of a memory model says alone, before deletion, after it and without the data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unbench.analysis.board.formatting import NAMES
from unbench.analysis.board.leaderboard import AUDIT
from unbench.analysis.rows.defaults import is_default
from unbench.analysis.rows.values import present
from unbench.metrics.gap import MEASURES
from unbench.report.markup import Footnotes, escape, number, table
from unbench.store.schema import PATHWAYS

MODELS = {"original_": "before deletion", "": "after deletion", "oracle_": "oracle"}
"""Column prefixes of the three models in the order in which they are read, and what they are to a memory."""

SPLITS = {"val": "validation", "forget": "forget set"}

READING = """\
Each pathway answers alone: the image with no memory, the memory with no image. Deletion takes entries from the
memory and cannot change the image pathway, so what its weights keep of the forgotten images shows where its FA
and MIA after deletion differ from the oracle's. P<sub>s</sub> is the accuracy of the image pathway alone minus
that of the memory pathway alone, in points: above 0 the image says more, below 0 the memory does, and on the
forget set deletion should bring it to the oracle's.
"""


def audited(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row for each method with pathways: that of its default hyper-parameters, else its first.

    Args:
        rows: of one cell of the leaderboard.
    """
    chosen: dict[str, dict[str, Any]] = {}
    for row in rows:
        if not _has_pathways(row):
            continue
        if row["method"] not in chosen or (is_default(row) and not is_default(chosen[row["method"]])):
            chosen[row["method"]] = row
    return list(chosen.values())


def _has_pathways(row: dict[str, Any]) -> bool:
    return any(present(row[f"{name}_mean"]) for name in AUDIT)


def audit_section(rows: Sequence[dict[str, Any]]) -> str:
    """The audit of one cell as Markdown; nothing where no method has pathways."""
    chosen = audited(rows)
    if not chosen:
        return ""
    footnotes = Footnotes()
    parts = ["### Leakage audit\n", READING]
    if len(chosen) < sum(map(_has_pathways, rows)):
        parts.append("One row is shown for each method, its default where there is one; leaderboard.csv has all.\n")
    for row in chosen:
        parts += [f"**{escape(row['label'])}**:\n", _pathways(row, footnotes), _sensitivity(row, footnotes)]
    return "\n".join([*parts, *([str(footnotes)] if footnotes.notes else [])])


def _pathways(row: dict[str, Any], footnotes: Footnotes) -> str:
    lines = [
        [f"{pathway} alone", when, *(number(row, f"{prefix}{pathway}_{name}", footnotes) for name in MEASURES)]
        for pathway in PATHWAYS
        for prefix, when in MODELS.items()
    ]
    return table(["Pathway", "Model", *(NAMES[name] for name in MEASURES)], lines, texts=2)


def _sensitivity(row: dict[str, Any], footnotes: Footnotes) -> str:
    lines = [
        [f"P<sub>s</sub>, {name}"]
        + [number(row, f"{prefix}pathway_sensitivity_{split}", footnotes) for prefix in MODELS]
        for split, name in SPLITS.items()
    ]
    return table(["Image minus memory, points", *MODELS.values()], lines)
