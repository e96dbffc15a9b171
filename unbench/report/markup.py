"""Markdown in small parts: escaped text, tables, numbers with footnotes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from unbench.analysis.board.formatting import DASH, WITHIN_NOISE, amount, points
from unbench.analysis.board.leaderboard import COSTS
from unbench.analysis.rows.values import clean, json_object


def escape(text: object) -> str:
    """Show text as it is: no markup, no table column, no link."""
    return _escape(clean(text))


# As for `clean`: few of the many strings differ.
@lru_cache(maxsize=1 << 16)
def _escape(line: str) -> str:
    escaped = re.sub(r"([\\`*_{}\[\]#+!|~$@])", r"\\\1", line)
    escaped = re.sub(r"^(\d*)([-.)=])", r"\1\\\2", escaped)
    escaped = escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"(?i)(https?|ftp):(?=//)|(www)\.", lambda m: f"{m[1] or m[2]}\\{m[0][-1]}", escaped)


class Footnotes:
    """Letters for the notes of one table; the same note gets the same letter."""

    def __init__(self) -> None:
        self.notes: dict[str, str] = {}

    def mark(self, note: str) -> str:
        """The letter that refers to `note`."""
        letter = self.notes.setdefault(note, _letter(len(self.notes)))
        return f"<sup>{letter}</sup>"

    def __str__(self) -> str:
        return "".join(f"- <sup>{letter}</sup> {escape(note)}\n" for note, letter in self.notes.items())


def _letter(number: int) -> str:
    prefix, last = divmod(number, 26)
    return (_letter(prefix - 1) if prefix else "") + chr(ord("a") + last)


def table(titles: Sequence[str], lines: Sequence[Sequence[str]], texts: int = 1) -> str:
    """A table of what is Markdown already, its first `texts` columns to the left and the numbers to the right."""
    rows = [f"| {' | '.join(cells)} |" for cells in (titles, *lines)]
    return "\n".join([rows[0], "|" + ":---|" * texts + "---:|" * (len(titles) - texts), *rows[1:]]) + "\n"


def number(
    row: dict[str, Any], column: str, footnotes: Footnotes, show: Callable[[Any, Any], str] | None = None
) -> str:
    """Mean and spread of one column of a row of the leaderboard; the reason in a footnote where it is missing."""
    show = show or (amount if column in COSTS else points)
    text = show(row[f"{column}_mean"], row[f"{column}_std"])
    if text == DASH:
        reason = json_object(row["missing"]).get(column)
        return text if reason is None else f"{text} {footnotes.mark(f'not known: {reason}')}"
    if column == "avg_gap" and row["within_noise"] is True:
        return f"{text} {WITHIN_NOISE}"
    return text


def seeds(row: dict[str, Any], footnotes: Footnotes) -> str:
    """Number of ok runs, with a footnote for each of the others."""
    marks = [
        footnotes.mark(f"{row['label']}, seed {failure['seed']}: {failure['status']}: {failure['error']}")
        for failure in json.loads(row["failures"])
    ]
    return f"{row['n_seeds']}{' ' if marks else ''}{' '.join(marks)}"


def code(text: str) -> str:
    """A fenced block whose fence is longer than any run of backticks inside it."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}sh\n{text}\n{fence}\n"
