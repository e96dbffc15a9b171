"""leaderboard.tex: the same document for LaTeX, with the tables of booktabs; it compiles on its own.

Left out is what a reader of a page folds away: commands, versions, intervals.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from markdown_it.token import Token

_BEFORE = r"""\documentclass[10pt,a4paper,landscape]{article}
\usepackage[utf8]{inputenc}
\usepackage[T1]{fontenc}
\usepackage[margin=15mm]{geometry}
\usepackage{booktabs,longtable,graphicx,xcolor}
\setlength{\parindent}{0pt}
\setlength{\parskip}{4pt}
\setlength{\tabcolsep}{4pt}
\begin{document}
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
}
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
    """Text as it is, with no command in it.

    >>> escape("50 % of a_b")
    '50 \\\\% of a\\\\_b'
    """
    return text if text.isalnum() and text.isascii() else "".join(map(_character, text))


def _character(c: str) -> str:
    if c in _SPECIAL:
        return _SPECIAL[c]
    if c.isascii() or (c.isprintable() and "\xa1" <= c <= "\u017e"):
        return c
    return f"[U+{ord(c):04X}]"


def _blocks(tokens: Sequence[Token]) -> Iterator[str]:
    folded, table, row = 0, list[list[str]](), list[str]()
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
            yield _table(table, aligned)
        elif token.type == "tr_open":
            row = []
        elif token.type == "tr_close":
            table.append(row)
        elif token.type == "th_open":
            aligned.append("r" if "right" in str(token.attrGet("style")) else "l")
        elif token.type == "inline":
            text = "".join(_inline(token.children or []))
            if in_table:
                row.append(text)
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
            yield f"\\IfFileExists{{{file}}}{{\\includegraphics[width=0.75\\linewidth]{{{file}}}}}{{}}"
        elif token.type == "html_inline":
            yield "}" if token.content in _CLOSING else _OPEN[token.content]
        elif token.nesting:
            yield _OPEN.get(token.tag, "{") if token.nesting == 1 else "}"
        else:
            yield escape(token.content)


def _table(rows: Sequence[Sequence[str]], aligned: Sequence[str]) -> str:
    """A table that may run over pages; rows of outdated versions are grey."""
    lines = [_grey(cells) if any(_OUTDATED in cell for cell in cells) else list(cells) for cells in rows]
    # A bracket at the beginning of a row would be taken for an option of the line break before it.
    head, *body = ["{}" + " & ".join(cells) + " \\\\" for cells in lines]
    parts = [
        f"{{\\footnotesize\n\\begin{{longtable}}{{@{{}}{''.join(aligned)}@{{}}}}",
        "\\toprule",
        head,
        "\\midrule",
        "\\endhead",
        "\\bottomrule",
        "\\endlastfoot",
        *body,
        "\\end{longtable}\n}\n\n",
    ]
    return "\n".join(parts)


def _grey(cells: Sequence[str]) -> list[str]:
    return [f"\\textcolor{{gray}}{{{cell}}}" for cell in cells]
