"""What a method's memory costs where it is deployed, as a section of the report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unbench.analysis.board.formatting import amount, count
from unbench.analysis.board.leaderboard import DEPLOYMENT
from unbench.analysis.rows.values import present
from unbench.report.markup import Footnotes, escape, number, table

COLUMNS = {
    "memory_entries": ("Entries", count),
    "memory_bytes_per_entry": ("Bytes/entry", count),
    "index_build_seconds": ("Build s", amount),
    "delete_seconds": ("Delete s", amount),
    "predict_ms_ensemble": ("ms, ensemble", amount),
    "predict_ms_softmax": ("ms, softmax", amount),
    "predict_ms_rank": ("ms, rank", amount),
    "predict_ms_plain": ("ms, no memory", amount),
}
"""Columns of the table, each with its title and how it is shown."""

READING = """\
Entries are those left after unlearning. Build s: seconds from keys to an index that answers. Delete s: seconds
to delete as many entries as the forget set has. ms: milliseconds to predict one image, its key not included, by
each rule of aggregation and by the same transformer without a memory.
"""


def deployment_section(rows: Sequence[dict[str, Any]]) -> str:
    """The costs of the memories in one cell as Markdown; nothing where there is no memory.

    Args:
        rows: of one cell of the leaderboard.
    """
    having = [row for row in rows if any(present(row[f"{name}_mean"]) for name in DEPLOYMENT)]
    if not having:
        return ""
    footnotes = Footnotes()
    lines = [
        [
            escape(row["label"]),
            escape(row["memory_index"]),
            *(number(row, column, footnotes, show) for column, (_, show) in COLUMNS.items()),
        ]
        for row in having
    ]
    titles = ["Method", "Index", *(title for title, _ in COLUMNS.values())]
    parts = ["### What the memory costs\n", table(titles, lines, texts=2), str(footnotes), READING]
    return "\n".join(part for part in parts if part)
