"""Rows of tables as plain dicts, and their single values: numbers, text and JSON, which may be missing or malformed."""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return one dict per row, column name to value: many times faster than pandas' own over wide tables of text."""
    names = [str(name) for name in table.columns]
    # All columns at once: taking them one by one is slow for wide, short tables, such as those of a cell.
    return [dict(zip(names, values, strict=True)) for values in table.to_numpy(dtype=object).tolist()]


def plain_records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the same with None for what is missing; pandas has NaN there, even in columns of text."""
    plain = table.astype(object)
    return records(plain.where(plain.notna(), None))


class RunsOfRow:
    """Some of the runs of one row, read by column, which is far faster than building a DataFrame for each row.

    Args:
        columns: of the runs of all rows: values by name.
        places: which of the values are those of these runs.
    """

    def __init__(self, columns: Mapping[str, list[Any]], places: Sequence[int]) -> None:
        self._columns, self._places = columns, places

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, column: str) -> list[Any]:
        values = self._columns[column]
        return [values[place] for place in self._places]


def clean(text: object) -> str:
    """Return the text as one printable line: stored strings may hold line breaks, terminal codes or lone surrogates."""
    return _clean(str(text))


# A report reads very many strings, few of them different.
@lru_cache(maxsize=1 << 16)
def _clean(line: str) -> str:
    if not line.isprintable():
        line = "".join(" " if unicodedata.category(c)[0] == "C" else c for c in line)
    return " ".join(line.split())


def as_text(value: Any) -> str:
    """Return a value as text: missing as "", and whole floats as integers, which a gap in their column made floats.

    >>> as_text(None), as_text(float("nan")), as_text(3.0), as_text(0.5), as_text("a\\nb")
    ('', '', '3', '0.5', 'a b')
    """
    if value is None or value != value:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return clean(value)


def present(value: Any) -> bool:
    """Return whether the value is a finite number; None, NaN and pandas' NA are all missing."""
    try:
        return value is not None and math.isfinite(value)
    except (TypeError, ValueError):
        return False


def or_zero(value: Any) -> float:
    """Return the number, or 0 if it is missing: the length of an error bar.

    >>> or_zero(1.5), or_zero(float("nan")), or_zero(None)
    (1.5, 0.0, 0.0)
    """
    return float(value) if present(value) else 0.0


def is_number(value: Any) -> bool:
    """Return whether a setting is a finite number: neither text nor a boolean.

    >>> is_number(4), is_number(0.5), is_number("4"), is_number(True)
    (True, True, False, False)
    """
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def json_object(text: Any) -> dict[str, Any]:
    """Parse a stored JSON object; anything else is kept visible under one key instead of raising."""
    if not isinstance(text, str) or text in ("", "{}") or not text.strip():
        return {}
    try:
        value = json.loads(text)
    except ValueError:
        return {"unreadable": text}
    return value if isinstance(value, dict) else {"value": value}


def json_list(text: Any) -> list[str]:
    """Parse a stored JSON list as strings; anything else is kept visible as its one element."""
    if not isinstance(text, str) or text in ("", "[]") or not text.strip():
        return []
    try:
        value = json.loads(text)
    except ValueError:
        return [text]
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]


@lru_cache(maxsize=1 << 16)
def sorted_json(text: Any) -> str:
    """Return JSON with sorted keys, so that equal settings are equal strings; unreadable text is returned unchanged."""
    if not isinstance(text, str):
        return ""
    try:
        return json.dumps(json.loads(text), sort_keys=True)
    except ValueError:
        return text
