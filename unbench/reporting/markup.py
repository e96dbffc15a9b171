"""Markdown in small parts: escaped text, tables with their footnotes, code, and templates that are filled with them."""

import re
from functools import lru_cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from unbench.analysis.rows.values import clean
from unbench.reporting.table import Footnotes, ReportTable, TableCell


def render(name: str, **values: Any) -> str:
    """Fill in a template of templates/: text is escaped, tables and numbers are shown, what is marked safe is kept."""
    return _TEMPLATES.get_template(name).render(values)


def _shown(value: object) -> Markup | float:
    """Return a value as it stands in Markdown."""
    if isinstance(value, (Markup, int, float)):
        return value
    return Markup(markdown_table(value) if isinstance(value, ReportTable) else escape(value))


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
    """Render a table, and its footnotes as a list below it, without a line break at the end."""
    footnotes = Footnotes()
    rows = [[_escape(title) for title in table.titles], *([_cell(c, footnotes) for c in row] for row in table.rows)]
    head, *body = (f"| {' | '.join(cells)} |" for cells in rows)
    aligned = "|" + ":---|" * table.texts + "---:|" * (len(table.titles) - table.texts)
    notes = [f"- <sup>{letter}</sup> {escape(note)}" for note, letter in footnotes.notes.items()]
    return "\n".join([head, aligned, *body, *([""] if notes else []), *notes])


def _cell(cell: TableCell, footnotes: Footnotes) -> str:
    emphasis = {"strong": "**", "reference": "*"}.get(cell.style, "")
    shown = f"{emphasis}{_escape(clean(cell.text))}{emphasis}"
    if cell.spread:
        shown += f" ± {cell.spread}"
    if cell.mark:
        shown += f" {cell.mark}"
    if cell.remark:
        remark = _escape(clean(cell.remark))
        shown += f' <span class="outdated">{remark}</span>' if cell.style == "outdated" else f" {remark}"
    for letter in footnotes.letters(cell.notes):
        shown += f" <sup>{letter}</sup>"
    return shown.lstrip()


def code(text: str) -> str:
    """Return a fenced block whose fence is longer than any run of backticks inside it."""
    fence = "`" * max(3, 1 + max(map(len, re.findall(r"`+", text)), default=0))
    return f"{fence}sh\n{text}\n{fence}"


_TEMPLATES = Environment(
    loader=PackageLoader("unbench.reporting"),
    autoescape=True,
    finalize=_shown,
    undefined=StrictUndefined,
    trim_blocks=True,
    keep_trailing_newline=True,
)
_TEMPLATES.filters["code"] = lambda text: Markup(code(text))
