"""The table model: every table of a report is built once and rendered for terminal, Markdown, HTML and LaTeX."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

Style = Literal["", "strong", "reference", "outdated"]


class TableCell(NamedTuple):
    """One cell of a table, in parts that each renderer arranges in its own way; none of them is escaped.

    Attributes:
        text: a number as it is shown, or a name; empty for a blank cell.
        spread: the sample standard deviation as it is shown; empty if there is none.
        mark: a sign behind the number, such as WITHIN_NOISE.
        remark: words behind the text, such as "(oracle)".
        notes: footnotes: why the value is missing, which runs failed.
        style: "strong" for a default, "reference" for a row that is no method's, "outdated" for an older version.
        brief: what went wrong in a few words, for renderers without footnotes.
    """

    text: str = ""
    spread: str = ""
    mark: str = ""
    remark: str = ""
    notes: tuple[str, ...] = ()
    style: Style = ""
    brief: str = ""


Cells = tuple[TableCell, ...]


@dataclass(frozen=True)
class ReportTable:
    """A table.

    Attributes:
        titles: of the columns.
        rows: each with a cell for every column.
        texts: how many columns, from the left, hold text; numbers are aligned to the right.
        caption: what the table shows, for renderers that place it apart from its section.
        label: names the table in LaTeX.
    """

    titles: tuple[str, ...]
    rows: Sequence[Cells]
    texts: int = 1
    caption: str = ""
    label: str = ""


def texts(*values: str) -> Cells:
    """Return cells of plain text."""
    return tuple(map(TableCell, values))


class Footnotes:
    """Letters for the notes of one table; the same note gets the same letter."""

    def __init__(self) -> None:
        self.notes: dict[str, str] = {}

    def letters(self, notes: Sequence[str]) -> list[str]:
        """Return the letters that refer to these notes."""
        return [self.notes.setdefault(note, _letter(len(self.notes))) for note in notes]


def _letter(number: int) -> str:
    prefix, last = divmod(number, 26)
    return (_letter(prefix - 1) if prefix else "") + chr(ord("a") + last)
