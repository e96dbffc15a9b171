"""Single values of stored rows: present or missing, text or JSON, and none of them trusted."""

from __future__ import annotations

import json
import math
import unicodedata
from functools import lru_cache
from typing import Any


def clean(text: object) -> str:
    """One line of printable text: a stored string may hold line breaks, terminal codes or half characters."""
    return _clean(str(text))


# A report reads very many strings, and few different ones.
@lru_cache(maxsize=1 << 16)
def _clean(line: str) -> str:
    if not line.isprintable():
        line = "".join(" " if unicodedata.category(c)[0] == "C" else c for c in line)
    return " ".join(line.split())


def as_text(value: Any) -> str:
    """Missing as nothing, and an integer that a gap in its column has made a float as an integer again.

    >>> as_text(None), as_text(float("nan")), as_text(3.0), as_text(0.5), as_text("a\\nb")
    ('', '', '3', '0.5', 'a b')
    """
    if value is None or value != value:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return clean(value)


def present(value: Any) -> bool:
    """Whether a cell holds a finite number: None, NaN and pandas' NA are missing alike."""
    try:
        return value is not None and math.isfinite(value)
    except (TypeError, ValueError):
        return False


def or_zero(value: Any) -> float:
    """The number in a cell, 0 where it is missing: the length of a whisker.

    >>> or_zero(1.5), or_zero(float("nan")), or_zero(None)
    (1.5, 0.0, 0.0)
    """
    return float(value) if present(value) else 0.0


def is_number(value: Any) -> bool:
    """Whether a setting is a finite number, and neither text nor true or false.

    >>> is_number(4), is_number(0.5), is_number("4"), is_number(True)
    (True, True, False, False)
    """
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def json_object(text: Any) -> dict[str, Any]:
    """A stored JSON object; anything else is kept visible under one key instead of raising."""
    if not isinstance(text, str) or text in ("", "{}") or not text.strip():
        return {}
    try:
        value = json.loads(text)
    except ValueError:
        return {"unreadable": text}
    return value if isinstance(value, dict) else {"value": value}


def json_list(text: Any) -> list[str]:
    """A stored JSON list as strings; anything else is kept visible as its one element."""
    if not isinstance(text, str) or text in ("", "[]") or not text.strip():
        return []
    try:
        value = json.loads(text)
    except ValueError:
        return [text]
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]


@lru_cache(maxsize=1 << 16)
def sorted_json(text: Any) -> str:
    """JSON with sorted keys, so that equal settings are equal strings; unreadable text stays as it is."""
    if not isinstance(text, str):
        return ""
    try:
        return json.dumps(json.loads(text), sort_keys=True)
    except ValueError:
        return text
