"""Markdown in small parts: escaped text, tables with their footnotes, code."""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.resources import files

from unbench.analysis.rows.values import clean
from unbench.reporting.table import Footnotes, ReportTable, TableCell


def escape(text: object) -> str:
    """Return Markdown that shows the text as it is: no markup, no table column, no link, no list."""
    return re.sub(r"^(\d*)([-.)=])", r"\1\\\2", _escape(clean(text)))


# As for `clean`: few of the many strings differ.
@lru_cache(maxsize=1 << 16)
def _escape(line: str) -> str:
    escaped = re.sub(r"([\\`*_{}\[\]#+!|~$@])", r"\\\1", line)
    # No number is a tag, and `<0.001` is easier to read as it is.
    escaped = re.sub(r"<(?![\d.]+(?: |$))", "&lt;", escaped.replace("&", "&amp;").replace(">", "&gt;"))
    return re.sub(r"(?i)(https?|ftp):(?=//)|(www)\.", lambda m: f"{m[1] or m[2]}\\{m[0][-1]}", escaped)


def markdown_table(table: ReportTable) -> str:
    """Render a table, and its footnotes as a list below it."""
    footnotes = Footnotes()
    rows = [[_escape(title) for title in table.titles], *([_cell(c, footnotes) for c in row] for row in table.rows)]
    head, *body = (f"| {' | '.join(cells)} |" for cells in rows)
    aligned = "|" + ":---|" * table.texts + "---:|" * (len(table.titles) - table.texts)
    notes = "".join(f"- <sup>{letter}</sup> {escape(note)}\n" for note, letter in footnotes.notes.items())
    return "\n".join([head, aligned, *body]) + "\n" + (f"\n{notes}" if notes else "")


def _cell(cell: TableCell, footnotes: Footnotes) -> str:
    emphasis = {"strong": "**", "reference": "*"}.get(cell.style, "")
    text, remark = _escape(clean(cell.text)), _escape(clean(cell.remark))
    parts = (
        f"{emphasis}{text}{emphasis}",
        f"± {cell.spread}" if cell.spread else "",
        cell.mark,
        f'<span class="outdated">{remark}</span>' if cell.style == "outdated" else remark,
        *(f"<sup>{letter}</sup>" for letter in footnotes.letters(cell.notes)),
    )
    return " ".join(part for part in parts if part)


def folded(summary: str, content: str) -> str:
    """Return content that a page folds away under a summary."""
    return f"<details>\n<summary>{summary}</summary>\n\n{content}\n</details>\n"


def code(text: str) -> str:
    """Return a fenced block whose fence is longer than any run of backticks inside it."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}sh\n{text}\n{fence}\n"


def template(name: str) -> str:
    """Return the text of a file in templates/."""
    return files("unbench.reporting").joinpath("templates", name).read_text("utf-8")
