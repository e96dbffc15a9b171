"""What the memory of a method costs in deployment."""

from __future__ import annotations

from collections.abc import Sequence

from unbench.analysis.board.leaderboard import DEPLOYMENT
from unbench.analysis.rows.values import present
from unbench.reporting.board_tables import number_cell
from unbench.reporting.markup import markdown_table
from unbench.reporting.table import ReportTable, texts
from unbench.store.schema import Row

COLUMNS = {
    "memory_entries": "Entries",
    "memory_bytes_per_entry": "Bytes/entry",
    "index_build_seconds": "Build s",
    "delete_seconds": "Delete s",
    "predict_ms_ensemble": "ms, ensemble",
    "predict_ms_softmax": "ms, softmax",
    "predict_ms_rank": "ms, rank",
    "predict_ms_plain": "ms, no memory",
}
"""Columns of the table with their titles."""

READING = """\
Entries are those left after unlearning. Build s: seconds to build an index from the keys. Delete s: seconds
to delete as many entries as the forget set has. ms: milliseconds to predict one image, its key not included, by
each rule of aggregation and by the same transformer without a memory.
"""


def deployment_section(rows: Sequence[Row]) -> str:
    """Write the costs of the memories in one cell; empty if there is no memory.

    Args:
        rows: of one cell of the leaderboard.
    """
    having = [row for row in rows if any(present(row[f"{name}_mean"]) for name in DEPLOYMENT)]
    if not having:
        return ""
    lines = tuple(
        (*texts(row["label"], row["memory_index"]), *(number_cell(row, column) for column in COLUMNS)) for row in having
    )
    table = markdown_table(ReportTable(("Method", "Index", *COLUMNS.values()), lines, texts=2))
    return f"### What the memory costs\n\n{table}\n{READING}"
