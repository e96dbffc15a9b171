"""What else differs between two sides: a number may have changed because its circumstances did."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from unbench.analysis.comparison.rule import ROUNDING
from unbench.analysis.comparison.sides import Row
from unbench.analysis.rows.values import sorted_json
from unbench.metrics import MEASURES

CIRCUMSTANCES: dict[str, tuple[str, ...]] = {
    "data": ("data_fingerprint", "dataset_version"),
    "split": ("split_hash",),
    "training": ("training", "model_options", "stem", "key_encoder"),
    "method version": ("method_version",),
    "device or threads": ("device", "threads"),
    "torch version": ("torch_version",),
    "original model": tuple(f"original_{measure}" for measure in MEASURES),
    "oracle": tuple(f"oracle_{measure}" for measure in MEASURES),
}
"""What is told of, and the columns of a run that say whether it differs."""


def circumstances(pairs: Iterable[tuple[Row, Row]]) -> str:
    """In words, in how many of the common runs what else differs; "" where nothing does.

    Args:
        pairs: the rows of runs on both sides.
    """
    known = list(pairs)
    counts = {what: sum(differ(a, b, columns) for a, b in known) for what, columns in CIRCUMSTANCES.items()}
    told = ", ".join(f"{what} ({count})" for what, count in counts.items() if count)
    return f"what else differs, and in how many of {len(known)} common runs: {told}" if told else ""


def differ(a: Row, b: Row, columns: Iterable[str]) -> bool:
    """Whether two rows differ in one of the columns by more than rounding; JSON is compared by what it says."""
    return not all(_alike(_plain(a[name]), _plain(b[name])) for name in columns)


def _alike(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=ROUNDING, abs_tol=ROUNDING)
    return bool(one == other)


def _plain(value: Any) -> Any:
    return sorted_json(value) if isinstance(value, str) else value
