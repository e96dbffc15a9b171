"""Numbers and column titles as every renderer shows them."""

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from unbench.analysis.board.leaderboard import COSTS
from unbench.analysis.rows.values import present
from unbench.metrics import METRICS

DASH = "–"
"""Stands for a missing value, everywhere."""

WITHIN_NOISE = "≈"
"""Marks a gap that is not above its noise floor."""

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

_COUNTS = ("memory_entries", "memory_bytes_per_entry")
_AMOUNTS = (*COSTS, "index_build_seconds", "delete_seconds")


def title_of(column: str) -> str:
    """Return the title of a column of the leaderboard; that of an oracle's value names the oracle.

    >>> title_of("avg_gap"), title_of("rmia_auroc"), title_of("oracle_rmia_auroc"), title_of("oracle_seconds")
    ('Gap', 'rmia_auroc', "oracle's rmia_auroc", 'Oracle s')
    """
    if column in NAMES or not column.startswith("oracle_"):
        return NAMES.get(column, column)
    return f"oracle's {title_of(column.removeprefix('oracle_'))}"


@cache
def formatter(column: str) -> Callable[..., str]:
    """Return the function that shows mean and spread of a column of the leaderboard: by default `points`."""
    if column in _COUNTS:
        return count
    if column in _AMOUNTS or column.startswith("predict_ms"):
        return amount
    metric = METRICS.get(column.removeprefix("oracle_"))
    return points if metric is None or metric.unit in ("percent", "points") else significant


def shorten(text: str, width: int) -> str:
    """Return at most `width` characters, the end cut off with an ellipsis."""
    return text if len(text) <= width else text[: width - 1] + "…"


def points(mean: Any, std: Any = None, digits: int = 2) -> str:
    """Format percent or percentage points, with the spread if there is one.

    >>> points(92.126, 0.3), points(92.126), points(None)
    ('92.13 ± 0.30', '92.13', '–')
    """
    return _with_spread(mean, std, f".{digits}f")


def _with_spread(mean: Any, std: Any, form: str) -> str:
    if not present(mean):
        return DASH
    return f"{mean:{form}} ± {std:{form}}" if present(std) else f"{mean:{form}}"


def significant(mean: Any, std: Any = None) -> str:
    """Format a number of any size with three significant digits, with the spread if there is one.

    >>> significant(0.0123456, 0.00012), significant(-2.0), significant(None)
    ('0.0123 ± 0.00012', '-2', '–')
    """
    return _with_spread(mean, std, ".3g")


def amount(mean: Any, std: Any = None) -> str:
    """Format seconds or MiB with about three digits: they range from microseconds to days.

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
    """Format whole things, such as entries or bytes, with the spread if there is one.

    >>> count(1000000.0, 0.0), count(1234.5, 3.0), count(None)
    ('1,000,000', '1,234 ± 3', '–')
    """
    return _with_spread(mean, std if present(std) and std > 0 else None, ",.0f")


def seed_span(counts: Iterable[int]) -> str:
    """Return how many seeds rows rest on, ignoring rows of none: `3 seeds`, `1 to 3 seeds`, `no seed`."""
    known = sorted({count for count in counts if count > 0})
    if not known:
        return "no seed"
    span = str(known[0]) if len(known) == 1 else f"{known[0]} to {known[-1]}"
    return f"{span} seed{'' if known[-1] == 1 else 's'}"
