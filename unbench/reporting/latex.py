"""leaderboard.tex: tables that a paper can \\input, with the rules of booktabs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from unbench.analysis.rows.values import clean
from unbench.reporting.markup import render
from unbench.reporting.table import Footnotes, ReportTable, TableCell

if TYPE_CHECKING:
    from unbench.reporting.provenance import Provenance

_SPECIAL = str.maketrans(
    {
        **{c: f"\\{c}" for c in "&%$#_{}"},
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        '"': r"\textquotedbl{}",
        "`": r"\textasciigrave{}",
        "±": r"$\pm$",
        "≈": r"$\approx$",
        "−": r"$-$",
        "·": r"\textperiodcentered{}",
        "–": r"\textendash{}",
        "…": r"\ldots{}",
    }
)


def leaderboard_latex(tables: Sequence[ReportTable], provenance: Provenance | None = None) -> str:
    """Render tables as one file of `table` environments, each with a caption and the label tab:unbench-<label>."""
    made = [] if provenance is None else [clean(provenance.sentence), clean(provenance.command)]
    return render("leaderboard.tex", made=made, tables=list(map(_parts, tables)))


def _parts(table: ReportTable) -> dict[str, Any]:
    """Return what one table consists of, with its footnotes, as LaTeX."""
    footnotes = Footnotes()
    return {
        "caption": escape(table.caption),
        "label": table.label,
        "aligned": "l" * table.texts + "r" * (len(table.titles) - table.texts),
        "titles": " & ".join(map(escape, table.titles)),
        "rows": [" & ".join(_cell(cell, footnotes) for cell in row) for row in table.rows],
        "notes": [(letter, escape(note)) for note, letter in footnotes.notes.items()],
    }


def escape(text: object) -> str:
    r"""Return LaTeX that shows the text as it is; characters beyond Latin-1 are shown by their numbers.

    >>> escape("50 % of a_b")
    '50 \\% of a\\_b'
    """
    shown = re.sub("[^\x00-\xff]", lambda c: f"[U+{ord(c[0]):04X}]", clean(text).translate(_SPECIAL))
    return re.sub("-(?=-)", "-{}", shown)  # two hyphens would become a dash


def _cell(cell: TableCell, footnotes: Footnotes) -> str:
    command = {"strong": "textbf", "reference": "emph"}.get(cell.style)
    text = escape(cell.text)
    parts = (
        f"\\{command}{{{text}}}" if command else text,
        f"$\\pm$ {escape(cell.spread)}" if cell.spread else "",
        escape(cell.mark),
        escape(cell.remark),
    )
    marks = ",".join(footnotes.letters(cell.notes))
    return " ".join(part for part in parts if part) + (f"\\textsuperscript{{{marks}}}" if marks else "")
