"""leaderboard.tex: tables that a paper can \\input, with the rules of booktabs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from unbench.analysis.rows.values import clean
from unbench.reporting.table import Footnotes, ReportTable, TableCell

if TYPE_CHECKING:
    from unbench.reporting.provenance import Provenance

HEADER = """\
% Tables of an unbench report, to be read by \\input.
% Packages: \\usepackage{booktabs}, and \\usepackage[T1]{fontenc} for names with accents.
"""

_SPECIAL = {
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


def leaderboard_latex(tables: Sequence[ReportTable], provenance: Provenance | None = None) -> str:
    """Render tables as one file of `table` environments, each with a caption and the label tab:unbench-<label>."""
    made = [] if provenance is None else [provenance.sentence, provenance.command]
    comments = "".join(f"% {clean(line)}\n" for line in made) + ("" if tables else "% There are no runs to show.\n")
    return "\n".join([HEADER + comments, *map(latex_table, tables)])


def latex_table(table: ReportTable) -> str:
    """Render one table with its footnotes below it."""
    import pandas as pd

    footnotes = Footnotes()
    rows = [[_cell(cell, footnotes) for cell in row] for row in table.rows]
    # A bracket at the beginning of a row would be taken for an option of the line break before it.
    rows = [["{}" + first, *rest] for first, *rest in rows]
    shown = pd.DataFrame(rows, columns=list(map(escape, table.titles))).style.hide(axis="index")
    text = shown.to_latex(
        hrules=True,
        column_format="l" * table.texts + "r" * (len(table.titles) - table.texts),
        position="htbp",
        position_float="centering",
        caption=escape(table.caption),
        label=f"tab:unbench-{table.label}",
    )
    notes = "".join(
        f"\\par\\footnotesize\\textsuperscript{{{letter}}} {escape(note)}\n" for note, letter in footnotes.notes.items()
    )
    end = "\\end{table}\n"
    return text.removesuffix(end) + notes + end


def escape(text: object) -> str:
    r"""Return LaTeX that shows the text as it is; characters beyond Latin-1 are shown by their numbers.

    >>> escape("50 % of a_b")
    '50 \\% of a\\_b'
    """
    shown = (_SPECIAL.get(c) or (c if c <= "\xff" else f"[U+{ord(c):04X}]") for c in clean(text))
    return re.sub("-(?=-)", "-{}", "".join(shown))  # two hyphens would become a dash


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
