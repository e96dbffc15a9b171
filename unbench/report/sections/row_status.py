"""Rank, interval and badges of each row of one cell, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from unbench.analysis.board.formatting import DASH, NAMES, amount, points
from unbench.analysis.board.leaderboard import COSTS
from unbench.analysis.rows.values import present
from unbench.report.markup import Footnotes, escape, table

Row = dict[str, Any]

OUTDATED = '<span class="outdated">outdated</span>'
"""Marks a row of an older version; a page greys what this stands in."""

ONE_SEED = "an interval over seeds takes two of them"
UNKNOWN = "not known"


def standing_section(rows: Sequence[Row], ranks: Mapping[str, float], footnotes: Footnotes) -> str:
    """One table: what the numbers of each row rest on.

    Args:
        rows: of one cell of the leaderboard.
        ranks: within the cell, by label.
        footnotes: takes what there is to say of single rows.
    """
    lines = [
        [
            escape(row["label"]) + (f" {OUTDATED}" if row["outdated"] else ""),
            escape(row["chosen"] or UNKNOWN),
            escape(row["touches"] or UNKNOWN),
            f"no {footnotes.mark(row['unverified'])}" if row["unverified"] else "verified",
            f"{ranks[row['label']]:g}" if row["label"] in ranks else DASH,
            interval(row, "avg_gap", footnotes),
        ]
        for row in rows
    ]
    titles = ["Method", "Hyper-parameters", "May touch", "Verified", "Rank", "Gap, 95 %"]
    return table(titles, lines, texts=4)


def intervals_section(rows: Sequence[Row], columns: Sequence[str]) -> str:
    """The intervals of all numbers of the cell's table, folded away; nothing where no row has one."""
    shown = [row for row in rows if row["n_seeds"] > 1]
    if not shown:
        return ""
    footnotes = Footnotes()
    lines = [[escape(row["label"]), *(interval(row, name, footnotes) for name in columns)] for row in shown]
    titles = ["Method", *(NAMES[name] for name in columns)]
    parts = ["<details>\n<summary>95 % intervals over seeds</summary>\n", table(titles, lines), str(footnotes)]
    return "\n".join(part for part in parts if part) + "\n</details>\n"


def interval(row: Row, column: str, footnotes: Footnotes) -> str:
    """`0.12 to 0.58`, or a dash with the reason where there is a mean but no interval."""
    low, high = row[f"{column}_low"], row[f"{column}_high"]
    if not present(low):
        few = row["n_seeds"] == 1 and present(row[f"{column}_mean"])
        return f"{DASH} {footnotes.mark(ONE_SEED)}" if few else DASH
    # A time or a size is not below nothing, however wide the interval.
    show, low = (amount, max(low, 0.0)) if column in COSTS else (points, low)
    return f"{show(low)} to {show(high)}"
