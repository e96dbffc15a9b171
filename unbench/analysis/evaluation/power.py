"""Power of attacks: one that cannot tell doing nothing from retraining clears no method."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from unbench.config.reference_names import NOTHING, ORACLE
from unbench.metrics import METRICS
from unbench.metrics.uncertainty import paired_differences
from unbench.store.schema import PLACE, Row

if TYPE_CHECKING:
    import pandas as pd


def power(known: pd.DataFrame) -> list[dict[str, Any]]:
    """Return one row with POWER_COLUMNS for each attack in each place where doing nothing was evaluated.

    On runs: the original against the oracle of the same seed, a paired t-interval over the seeds. With one seed, and on
    shadow models: the difference, plus and minus the two bootstrap intervals' distances to their values in quadrature.

    Args:
        known: rows of `unbench.load_metrics` that have a value.
    """
    attacks = known[known["metric"].isin([metric.name for metric in METRICS.values() if metric.attack])]
    rows = []
    for group, part in attacks.groupby([*PLACE, "metric"], sort=True):
        runs = part[(part["method"] == NOTHING) & part["seed"].notna()]
        pools = part[part["seed"].isna()]
        if METRICS[str(group[-1])].needs == "shadows":
            idle, oracle = pools[pools["method"] == NOTHING], pools[pools["method"] == ORACLE]
        else:
            idle, oracle = runs[runs["of"] == "original"], runs[runs["of"] == "oracle"]
        if idle.empty or oracle.empty:
            continue
        low, high = _interval(idle, oracle)
        rows.append(
            {
                **dict(zip([*PLACE, "metric"], group, strict=True)),
                "idle": float(idle["value"].mean()),
                "oracle": float(oracle["value"].mean()),
                "low": low,
                "high": high,
                "powerful": None if low is None or high is None else bool(low > 0 or high < 0),
            }
        )
    return rows


def powerless(rows: Iterable[Row]) -> list[str]:
    """Return a line for each place with attacks that cannot tell doing nothing from retraining."""
    names: dict[str, list[str]] = {}
    for row in rows:
        if row["powerful"] is False:
            names.setdefault(", ".join(str(row[column]) for column in PLACE), []).append(row["metric"])
    return [
        f"{place}: powerless, they cannot tell doing nothing from retraining: {', '.join(attacks)}"
        for place, attacks in names.items()
    ]


def _interval(idle: pd.DataFrame, oracle: pd.DataFrame) -> tuple[float | None, float | None]:
    """Return the interval of idle minus oracle."""
    if len(idle) > 1:
        found = paired_differences({NOTHING: _by_seed(idle), ORACLE: _by_seed(oracle)})
        return (found[0].low, found[0].high) if found else (None, None)
    one, other = idle.iloc[0], oracle.iloc[0]
    difference = one["value"] - other["value"]
    down = math.hypot(one["value"] - one["low"], other["high"] - other["value"])
    up = math.hypot(one["high"] - one["value"], other["value"] - other["low"])
    bounds = difference - down, difference + up
    return bounds if all(map(math.isfinite, bounds)) else (None, None)


def _by_seed(values: pd.DataFrame) -> dict[int, float]:
    return dict(zip(values["seed"], values["value"], strict=True))
