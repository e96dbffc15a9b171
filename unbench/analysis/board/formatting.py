"""Numbers and names as every renderer shows them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from unbench.analysis.rows.values import present

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


def shorten(text: str, width: int) -> str:
    """At most `width` characters, the end cut off with an ellipsis."""
    return text if len(text) <= width else text[: width - 1] + "…"


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
