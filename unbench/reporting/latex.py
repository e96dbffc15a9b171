"""leaderboard.tex: the same document for LaTeX, with the tables of booktabs; it compiles on its own.

Left out is what a reader of a page folds away: commands, versions, intervals.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from markdown_it.token import Token

from unbench.reporting.latex_table import SEPARATION, TEXT_WIDTH, WRAPPED, Text, latex_table

_BEFORE = rf"""\documentclass[10pt,a4paper]{{article}}
\usepackage[utf8]{{inputenc}}
\usepackage[T1]{{fontenc}}
\usepackage{{textcomp}}
\IfFileExists{{lmodern.sty}}{{\usepackage{{lmodern}}}}{{}}
\usepackage[landscape,textwidth={TEXT_WIDTH}pt,textheight=180mm]{{geometry}}
\usepackage{{array,booktabs,longtable,graphicx,xcolor}}
\newcolumntype{{P}}{{>{{\raggedright\arraybackslash}}p{{{WRAPPED}em}}}}
\setlength{{\parskip}}{{4pt}}
\setlength{{\tabcolsep}}{{{SEPARATION / 2}pt}}
\raggedright
\begin{{document}}
"""
_AFTER = "\\end{document}\n"

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
    "-": "-{}",
    "±": r"\ensuremath{\pm}",
    "≈": r"\ensuremath{\approx}",
    "≤": r"\ensuremath{\le}",
    "−": r"\ensuremath{-}",
    "·": r"\textperiodcentered{}",
    "–": r"\textendash{}",
    "…": r"\ldots{}",
    "\u200b": r"\allowbreak{}",  # what _breakable puts in
}
_UNSET = frozenset("ĦħĸĿŀŉŦŧ")
"""Letters of Latin Extended-A that the encoding T1 lacks; LaTeX stops at them."""

_LONG, _PIECE = 24, 8
"""Characters of a word that is too long to be kept whole, such as a checksum, and of the parts it may break into."""

_OPEN = {
    "h1": "\\section*{",
    "h2": "\\section*{",
    "h3": "\\subsection*{",
    "strong": "\\textbf{",
    "em": "\\emph{",
    "<sup>": "\\textsuperscript{",
    "<sub>": "\\textsubscript{",
    '<span class="outdated">': "\\textcolor{gray}{",
}
_OUTDATED = _OPEN['<span class="outdated">'] + "outdated}"
"""What unbench.reporting.standing_section.OUTDATED becomes."""

_CLOSING = frozenset(("</sup>", "</sub>", "</span>"))


def leaderboard_latex(tokens: Sequence[Token]) -> str:
    """The document that leaderboard_markdown made, in LaTeX; what fonts of pdfTeX lack is shown by its number.

    Args:
        tokens: of unbench.reporting.html.parse.
    """
    body = "".join(_blocks(tokens))
    return _BEFORE + re.sub(r"\n{3,}", "\n\n", body) + _AFTER


def escape(text: str) -> str:
    """Text as it is, with no command in it but those that let a long word break.

    >>> escape("50 % of a_b")
    '50 \\\\% of a\\\\_b'
    """
    if len(text) < _LONG and text.isalnum() and text.isascii():
        return text
    return "".join(map(_character, re.sub(rf"\S{{{_LONG},}}", _breakable, text)))


def _breakable(word: re.Match[str]) -> str:
    """With a zero-width space after every few characters."""
    return "\u200b".join(re.findall(rf".{{1,{_PIECE}}}", word[0]))


def _character(c: str) -> str:
    if c in _SPECIAL:
        return _SPECIAL[c]
    if c.isascii() or (c.isprintable() and "\xa1" <= c <= "\u017e" and c not in _UNSET):
        return c
    return f"[U+{ord(c):04X}]"


def _blocks(tokens: Sequence[Token]) -> Iterator[str]:
    folded, table, row = 0, list[list[Text]](), list[Text]()
    aligned: list[str] = []
    in_table = False
    for token in tokens:
        if token.type == "html_block":
            folded += token.content.count("<details>") - token.content.count("</details>")
        elif folded:
            continue
        elif token.type == "table_open":
            in_table, table, aligned = True, [], []
        elif token.type == "table_close":
            in_table = False
            yield latex_table(_grey_outdated(table), "".join(aligned))
        elif token.type == "tr_open":
            row = []
        elif token.type == "tr_close":
            table.append(row)
        elif token.type == "th_open":
            aligned.append("r" if "right" in str(token.attrGet("style")) else "l")
        elif token.type == "inline":
            text = "".join(_inline(token.children or []))
            if in_table:
                row.append(Text(text, _shown(token.children or [])))
            else:
                yield text
        elif token.type in ("heading_open", "heading_close"):
            yield _OPEN[token.tag] if token.nesting == 1 else "}\n\n"
        elif token.type in ("bullet_list_open", "ordered_list_open"):
            yield f"\\begin{{{_list(token)}}}\n"
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            yield f"\\end{{{_list(token)}}}\n\n"
        elif token.type == "list_item_open":
            # The braces keep a bracket at the beginning of an item from being taken for its label.
            yield "\\item{} "
        elif token.type == "paragraph_close":
            yield "\n" if token.hidden else "\n\n"
        elif token.type in ("fence", "code_block"):
            lines = token.content.rstrip("\n").split("\n")
            yield "\\texttt{" + "}\\\\\n\\texttt{".join(map(escape, lines)) + "}\n\n"


def _list(token: Token) -> str:
    return "itemize" if token.tag == "ul" else "enumerate"


def _inline(tokens: Sequence[Token]) -> Iterator[str]:
    for token in tokens:
        if token.type == "code_inline":
            yield f"\\texttt{{{escape(token.content)}}}"
        elif token.type in ("softbreak", "hardbreak"):
            yield "\n"
        elif token.type == "image":
            file = str(token.attrGet("src"))
            size = "width=0.75\\linewidth,height=0.95\\textheight,keepaspectratio"
            yield f"\\IfFileExists{{{file}}}{{\\includegraphics[{size}]{{{file}}}}}{{}}"
        elif token.type == "html_inline":
            yield "}" if token.content in _CLOSING else _OPEN[token.content]
        elif token.nesting:
            yield _OPEN.get(token.tag, "{") if token.nesting == 1 else "}"
        else:
            yield escape(token.content)


def _shown(tokens: Sequence[Token]) -> str:
    """What a reader sees of a cell, to tell its width."""
    text = "".join(token.content for token in tokens if token.type in ("text", "code_inline"))
    return "".join(c if c in _SPECIAL else _character(c) for c in text)


def _grey_outdated(rows: Sequence[Sequence[Text]]) -> list[list[Text]]:
    """Rows of outdated versions in grey."""
    return [
        [Text(f"\\textcolor{{gray}}{{{cell.latex}}}", cell.shown) for cell in cells]
        if any(_OUTDATED in cell.latex for cell in cells)
        else list(cells)
        for cells in rows
    ]
