"""Tables of booktabs within the page: headings in several lines, then smaller letters, then fewer columns at once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

TEXT_WIDTH = 760.0
"""Points between the margins of the page."""

SEPARATION = 8.0
"""Points between two columns."""

WRAPPED = 36
"""Ems that a column of texts may have; wider ones run over several lines."""

_SIZES = {"footnotesize": 8.5, "scriptsize": 7.97}
"""Points of an em of Computer Modern, by the name of the size."""

_THIN, _DIGIT, _NARROW, _WIDE, _NUMBERED = 0.4, 0.5, 0.56, 0.95, 6.0
"""Ems that a character takes at most, the last where its number stands in its place."""

_THIN_SIGNS, _WIDE_SIGNS = frozenset(" .,:;!'ijlt()[]|·"), frozenset("mw%#&@+=<>±≈≤−–…↑↓")
_BETWEEN, _BETWEEN_LATEX = " · ", r" \textperiodcentered{} "
"""What stands between the parts of a heading; they are put below each other."""


_UNSET = frozenset("ĦħĸĿŀŉŦŧ")
"""Letters of Latin Extended-A that the encoding T1 lacks; LaTeX stops at them."""


def has_glyph(c: str) -> bool:
    """Whether a character that no command stands for can be set as it is."""
    return c.isascii() or (c.isprintable() and "\xa1" <= c <= "\u017e" and c not in _UNSET)


class Text(NamedTuple):
    """A cell as LaTeX, and what a reader sees of it."""

    latex: str
    shown: str


def latex_table(rows: Sequence[Sequence[Text]], aligned: str) -> str:
    """A table that may run over pages, but not over the margin.

    Columns that do not fit beside each other come in tables of their own, each with the texts at its beginning. The
    first layout is taken that fits by an estimate of the letters' widths; it needs no second look by LaTeX.

    Args:
        rows: the first of them is the heading.
        aligned: of each column, l or r.
    """
    widths = [_ems(column) for column in zip(*rows, strict=True)]
    kinds = ["P" if kind == "l" and width > WRAPPED else kind for kind, width in zip(aligned, widths, strict=True)]
    widths = [WRAPPED if kind == "P" else width for kind, width in zip(kinds, widths, strict=True)]
    texts = len(aligned) - len(aligned.lstrip("l"))
    first, rest = list(range(texts)), list(range(texts, len(aligned)))
    layouts = [(count, size) for count in range(1, max(len(rest), 1) + 1) for size in _SIZES]
    for count, size in layouts:
        parts = [first + rest[n * len(rest) // count : (n + 1) * len(rest) // count] for n in range(count)]
        if all(_points([widths[column] for column in part], size) <= TEXT_WIDTH for part in parts):
            break
    return "".join(
        _longtable([[cells[column].latex for column in part] for cells in rows], [kinds[c] for c in part], size)
        for part in parts
    )


def _ems(column: Sequence[Text]) -> float:
    """Of a column at most, its heading broken into lines."""
    heading, *body = column
    lines = [*heading.shown.split(_BETWEEN), *(cell.shown for cell in body)]
    return max(_line_ems(line.translate(_ALIKE)) for line in lines)


_ALIKE = str.maketrans("123456789", "0" * 9)
"""Digits are of one width, which leaves few different numbers."""


@lru_cache(maxsize=1 << 14)
def _line_ems(line: str) -> float:
    return sum(map(_em, line))


def _em(c: str) -> float:
    if not has_glyph(c) and c not in _WIDE_SIGNS:
        return _NUMBERED
    if c in _THIN_SIGNS:
        return _THIN
    if c in _WIDE_SIGNS or c.isupper():
        return _WIDE
    return _DIGIT if c.isdigit() else _NARROW


def _points(ems: Sequence[float], size: str) -> float:
    return sum(ems) * _SIZES[size] + SEPARATION * (len(ems) - 1)


def _longtable(rows: Sequence[Sequence[str]], kinds: Sequence[str], size: str) -> str:
    heading = [_stacked(cell) for cell in rows[0]]
    # A bracket at the beginning of a row would be taken for an option of the line break before it.
    head, *body = ["{}" + " & ".join(cells) + " \\\\" for cells in (heading, *rows[1:])]
    parts = [
        f"{{\\{size}\n\\begin{{longtable}}{{@{{}}{''.join(kinds)}@{{}}}}",
        "\\toprule",
        head,
        "\\midrule",
        "\\endhead",
        # On every page: the last one would otherwise get a heading and no row where only this does not fit before.
        "\\bottomrule",
        "\\endfoot",
        *body,
        "\\end{longtable}\n}\n\n",
    ]
    return "\n".join(parts)


def _stacked(heading: str) -> str:
    lines = heading.split(_BETWEEN_LATEX)
    if len(lines) == 1:
        return heading
    return r"\begin{tabular}[b]{@{}r@{}}" + r" \\ ".join(lines) + r"\end{tabular}"
