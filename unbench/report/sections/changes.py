"""What changed since other results, as Markdown: marks in tables, a legend on top, a section for each cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from unbench.analysis.comparison.rule import NOISE_RULE
from unbench.report.markup import Footnotes, escape, table

if TYPE_CHECKING:
    from unbench.analysis.board.changes import Changes, Line, RowChange

MARKED_GONE = '<span class="outdated">gone</span>'
"""Marks a row that only the other results have; it is greyed as rows of older versions are."""

LEGEND = f"""\
Marks in the tables: **new**, a row or number that OTHER does not have; {MARKED_GONE}, one that only OTHER has, a row
with the numbers that it had there; ↑ and ↓, a number that rose or fell by more than noise; **status worse** and the
like, a row with runs that end otherwise than in OTHER. The section *Changes* of each cell has the values before (of
OTHER) and after (of these results), over the seeds that both have, so that they may differ from the table's. Evaluated
metrics are no part of this; `unbench diff` compares them too.
"""


def changes_overview(changes: Changes) -> str:
    """How much changed, what else differs, what the marks mean and what counts as noise."""
    said = [escape(changes.said), escape(changes.circumstances)]
    parts = ["## What changed since OTHER", *(f"{line}." for line in said if line), LEGEND.strip(), NOISE_RULE]
    return "\n\n".join(parts) + "\n"


def changes_section(lines: Sequence[Line]) -> str:
    """The changes of one cell; what is within noise is folded away."""
    shown, quiet = ([line for line in lines if line.quiet is within] for within in (False, True))
    parts = ["### Changes\n", _table(shown) if shown else "Nothing changed by more than noise.\n"]
    if quiet:
        parts += ["<details>\n<summary>Differences within noise</summary>\n", f"{_table(quiet)}\n</details>\n"]
    return "\n".join(parts)


def mark(change: RowChange | None) -> str:
    """What stands behind the name of a row."""
    return f" **{change.state}**" if change is not None and change.state else ""


def marked(number: str, change: RowChange | None, column: str) -> str:
    """A number of a row with what stands behind it."""
    found = "" if change is None else change.numbers.get(column, "")
    return f"{number} {f'**{found}**' if found.isalpha() else found}".strip()


def _table(lines: Sequence[Line]) -> str:
    footnotes = Footnotes()
    rows = [
        [
            escape(line.label),
            escape(line.what),
            escape(line.verdict) + (f" {footnotes.mark(line.note)}" if line.note else ""),
            line.before,
            line.after,
            line.difference,
            line.noise,
            line.seeds,
        ]
        for line in lines
    ]
    titles = ["Method", "What", "Verdict", "Before", "After", "Difference", "Noise", "Seeds"]
    return "\n".join(part for part in (table(titles, rows, texts=3), str(footnotes)) if part)
