"""leaderboard.tex: the same document for LaTeX, with the tables of booktabs; it compiles on its own.

Left out is what a reader of a page folds away: commands, versions, intervals.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from unbench.report.latex_table import SEPARATION, TEXT_WIDTH, WRAPPED, Text, has_glyph, latex_table

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
    "↑": r"\ensuremath{\uparrow}",
    "↓": r"\ensuremath{\downarrow}",
}
_LONG, _PIECE = 24, 8
"""Characters of a word that is too long to be kept whole, such as a checksum, and of the parts it may break into."""

_OPEN = {
    "h1": "\\section*{",
    "h2": "\\section*{",
    "h3": "\\subsection*{",
    "strong": "\\textbf{",
    "em": "\\emph{",
    "code": "\\texttt{",
    "sup": "\\textsuperscript{",
    "sub": "\\textsubscript{",
    "span": "\\textcolor{gray}{",  # of rows of outdated versions, and of those that are gone
}
_FOLDED = re.compile(r"<details>.*?</details>\n?", re.DOTALL)
_HEADINGS = frozenset(("h1", "h2", "h3"))
_LISTS = {"ul": "itemize", "ol": "enumerate"}


def leaderboard_latex(html: str) -> str:
    """The document that leaderboard_markdown made, in LaTeX; what fonts of pdfTeX lack is shown by its number.

    Args:
        html: as unbench.report.html.render gives it, which is XML too.
    """
    unfolded = _FOLDED.sub("", html)
    return _BEFORE + "".join(map(_block, ElementTree.fromstring(f"<main>{unfolded}</main>"))) + _AFTER


def escape(text: str) -> str:
    """Text as it is, with no command in it but those that let a long word break.

    >>> escape("50 % of a_b")
    '50 \\\\% of a\\\\_b'
    """
    if len(text) >= _LONG:
        text = re.sub(rf"\S{{{_LONG},}}", _breakable, text)
    return text.translate(_ESCAPES)


def _breakable(word: re.Match[str]) -> str:
    """With a zero-width space after every few characters."""
    return "\u200b".join(re.findall(rf".{{1,{_PIECE}}}", word[0]))


class _Fallback(dict[int, str]):
    """For str.translate: what is not listed is itself where fonts of pdfTeX have it, else its number."""

    def __missing__(self, code: int) -> str:
        self[code] = chr(code) if has_glyph(chr(code)) else f"[U+{code:04X}]"
        return self[code]


_ESCAPES = _Fallback({ord(c): text for c, text in _SPECIAL.items()})


def _block(element: Element) -> str:
    """A part of the document."""
    tag = element.tag
    if tag in _HEADINGS:
        return f"{_OPEN[tag]}{_inline(element)}}}\n\n"
    if tag == "p":
        return f"{_inline(element)}\n\n"
    if tag in _LISTS:
        # The braces keep a bracket at the beginning of an item from being taken for its label.
        items = "".join(f"\\item{{}} {_item(item)}\n" for item in element)
        return f"\\begin{{{_LISTS[tag]}}}\n{items}\\end{{{_LISTS[tag]}}}\n\n"
    if tag == "table":
        return _table(element)
    if tag == "pre":
        lines = "".join(element.itertext()).rstrip("\n").split("\n")
        return "\\texttt{" + "}\\\\\n\\texttt{".join(map(escape, lines)) + "}\n\n"
    raise AssertionError(f"a report has no <{tag}>")


def _item(item: Element) -> str:
    """Of a list: text, or whole paragraphs."""
    whole = len(item) > 0 and item[0].tag == "p"
    return "".join(map(_block, item)).rstrip() if whole else _inline(item)


def _table(element: Element) -> str:
    lines = list(element.iter("tr"))
    aligned = "".join("r" if "right" in cell.get("style", "") else "l" for cell in lines[0])
    rows = [[Text(_inline(cell), "".join(cell.itertext())) for cell in line] for line in lines]
    grey = [line.find(".//span[@class='outdated']") is not None for line in lines]
    return latex_table([_grey(row) if old else row for row, old in zip(rows, grey, strict=True)], aligned)


def _inline(element: Element) -> str:
    """What is inside an element, without itself."""
    parts = [escape(element.text or "")]
    for child in element:
        parts += [_span(child), escape(child.tail or "")]
    return "".join(parts)


def _span(element: Element) -> str:
    if element.tag == "img":
        file = element.get("src", "")
        if file.endswith(".svg"):
            return f"Left out, because LaTeX takes no SVG: {escape(element.get('alt', ''))}."
        size = "width=0.75\\linewidth,height=0.95\\textheight,keepaspectratio"
        return f"\\IfFileExists{{{file}}}{{\\includegraphics[{size}]{{{file}}}}}{{}}"
    return f"{_OPEN[element.tag]}{_inline(element)}}}"


def _grey(row: Sequence[Text]) -> list[Text]:
    return [Text(f"\\textcolor{{gray}}{{{cell.latex}}}", cell.shown) for cell in row]
