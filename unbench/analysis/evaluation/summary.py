"""Metrics over seeds: means with their intervals, methods compared in pairs, and the power of attacks.

An attack that cannot tell doing nothing from retraining clears no method.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from unbench.config.grammar import write_call
from unbench.config.reference_names import NOTHING, ORACLE
from unbench.metrics import METRICS, MissingValue
from unbench.metrics.uncertainty import paired_differences, t_interval
from unbench.store.results import Store
from unbench.store.schema import BUT_SEED, COMPARISON_COLUMNS, PLACE, POWER_COLUMNS, SEEDS_COLUMNS
from unbench.store.tables import read_table, write_table

if TYPE_CHECKING:
    import pandas as pd


def summarise(store: Store, frame: pd.DataFrame) -> list[str]:
    """Write summary/{seeds,comparisons,power}.parquet and return lines about attacks without power.

    Args:
        store: the results folder.
        frame: metrics of one run for each seed, as `unbench.load_metrics` returns them.
    """
    known = frame[frame["value"].notna()]
    runs = known[known["seed"].notna()]
    attacks = power(known)
    for name, rows, columns in (
        ("seeds", over_seeds(runs), SEEDS_COLUMNS),
        ("comparisons", comparisons(runs), COMPARISON_COLUMNS),
        ("power", attacks, POWER_COLUMNS),
    ):
        path = store.summary / f"{name}.parquet"
        # Only read elsewhere: a damaged one is set aside here, with a warning, for whoever has used it.
        store.recover(path, lambda stored, columns=columns: read_table(stored, columns))  # type: ignore[misc]
        write_table(path, rows, columns)
    return powerless(attacks)


def over_seeds(runs: pd.DataFrame) -> list[dict[str, Any]]:
    """Return one row with SEEDS_COLUMNS for each metric of each cell."""
    keys = [*BUT_SEED, "metric", "of"]
    rows = []
    for group, values in runs.groupby(keys, sort=True)["value"]:
        try:
            found = t_interval(values.tolist())
        except MissingValue:
            continue
        numbers = {"seeds": len(values), "mean": found.mean, "low": found.low, "high": found.high}
        rows.append({**dict(zip(keys, group, strict=True)), **numbers, "reason": found.reason or None})
    return rows


def comparisons(runs: pd.DataFrame) -> list[dict[str, Any]]:
    """Return one row with COMPARISON_COLUMNS for each two methods in a place, by each metric of the unlearned model."""
    keys = [*PLACE, "metric"]
    rows = []
    for group, part in runs[runs["of"] == "unlearned"].groupby(keys, sort=True):
        values: dict[str, dict[int, float]] = {}
        variants = part.groupby("method")["hparams"].nunique()
        for row in part.to_dict("records"):
            one = variants[row["method"]] == 1
            name = row["method"] if one else write_call(row["method"], json.loads(row["hparams"]))
            values.setdefault(name, {})[int(row["seed"])] = row["value"]
        for found in paired_differences(values):
            about = {**dict(zip(keys, group, strict=True)), **vars(found)}
            rows.append({**about, "seeds": json.dumps(list(found.seeds)), "reason": found.reason or None})
    return rows


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


def powerless(rows: Iterable[Mapping[str, Any]]) -> list[str]:
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
