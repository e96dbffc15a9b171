"""Numbers and foreign text as every renderer shows them."""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

DASH = "–"
"""Stands for a missing value, everywhere."""

WITHIN_NOISE = "≈"
"""Marks a gap that is not above its noise floor."""

NEW, GONE, UP, DOWN = "new", "gone", "↑", "↓"
"""Mark what only these results have, what only those have that they are compared with, and a number beyond noise."""

NAMES = {
    "val_acc": "VA",
    "test_acc": "TA",
    "retain_acc": "RA",
    "forget_acc": "FA",
    "mia_auroc": "MIA",
    "forget_class_test_acc": "FTA",
    "avg_gap": "Gap",
    "avg_gap_floor": "Floor",
    "unlearn_seconds": "Unlearn s",
    "peak_memory_mb": "Peak MiB",
    "train_seconds": "Train s",
    "oracle_seconds": "Oracle s",
}
"""Short column titles."""


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


def shorten(text: str, width: int) -> str:
    """At most `width` characters, the end cut off with an ellipsis."""
    return text if len(text) <= width else text[: width - 1] + "…"


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


def points(mean: Any, std: Any = None, digits: int = 2) -> str:
    """Percent or percentage points, with the spread where there is one.

    >>> points(92.126, 0.3), points(92.126), points(None)
    ('92.13 ± 0.30', '92.13', '–')
    """
    if not present(mean):
        return DASH
    return f"{mean:.{digits}f}" + (f" ± {std:.{digits}f}" if present(std) else "")


def amount(mean: Any, std: Any = None) -> str:
    """Seconds or MiB with about three digits: they range from microseconds to days.

    >>> amount(0.0), amount(0.00004), amount(0.0321), amount(12.34, 0.5), amount(4321.2)
    ('0', '<0.001', '0.032', '12.3 ± 0.5', '4321')
    """
    if not present(mean):
        return DASH
    if mean == 0 and not (present(std) and std > 0):
        return "0"
    if mean < 0.001:
        return "<0.001"
    digits = 3 if mean < 1 else 2 if mean < 10 else 1 if mean < 100 else 0
    return points(mean, std, digits)


def count(mean: Any, std: Any = None) -> str:
    """Whole things, such as entries or bytes, with the spread where there is one.

    >>> count(1000000.0, 0.0), count(1234.5, 3.0), count(None)
    ('1,000,000', '1,234 ± 3', '–')
    """
    if not present(mean):
        return DASH
    return f"{mean:,.0f}" + (f" ± {std:,.0f}" if present(std) and std > 0 else "")


def seed_span(counts: Iterable[int]) -> str:
    """How many seeds rows rest on, rows of none aside: `3 seeds`, `1 to 3 seeds`, `no seed`."""
    known = sorted({count for count in counts if count > 0})
    if not known:
        return "no seed"
    span = str(known[0]) if len(known) == 1 else f"{known[0]} to {known[-1]}"
    return f"{span} seed{'' if known[-1] == 1 else 's'}"


def seed_words(seeds: Iterable[int]) -> str:
    """`seed 0` or `seeds 0, 1, 2`."""
    numbers = [str(seed) for seed in seeds]
    return f"seed{'s' if len(numbers) != 1 else ''} {', '.join(numbers)}"


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
