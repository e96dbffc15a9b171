"""Over seeds: means with their intervals, methods compared in pairs, and whether attacks would notice anything."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from unbench.analysis.evaluation.power import power, powerless
from unbench.config.grammar import write_call
from unbench.metrics.outputs import MissingValue
from unbench.metrics.uncertainty import paired_differences, t_interval
from unbench.store.results import Store
from unbench.store.schema import BUT_SEED, COMPARISON_COLUMNS, PLACE, POWER_COLUMNS, SEEDS_COLUMNS, Column
from unbench.store.tables import read_table, write_table

if TYPE_CHECKING:
    import pandas as pd


def summarise(store: Store, frame: pd.DataFrame) -> list[str]:
    """Write summary/{seeds,comparisons,power}.parquet of metrics, of one run for each seed; returns what to tell."""
    known = frame[frame["value"].notna()]
    runs = known[known["seed"].notna()]
    _write(store, "seeds", over_seeds(runs), SEEDS_COLUMNS)
    _write(store, "comparisons", comparisons(runs), COMPARISON_COLUMNS)
    found = power(known)
    _write(store, "power", found, POWER_COLUMNS)
    return powerless(found)


def _write(store: Store, name: str, rows: list[dict[str, Any]], columns: tuple[Column, ...]) -> None:
    path = store.summary / f"{name}.parquet"
    # Read by others only: whoever used a damaged one learns of it here.
    store.recover(path, lambda stored: read_table(stored, columns))
    write_table(path, rows, columns)


def over_seeds(runs: pd.DataFrame) -> list[dict[str, Any]]:
    """One row with SEEDS_COLUMNS for each metric of each cell."""
    keys = [*BUT_SEED, "metric", "of"]
    rows = []
    for group, values in runs.groupby(keys, sort=True)["value"]:
        try:
            found = t_interval(values.tolist())
        except MissingValue:
            continue
        about = dict(zip(keys, group, strict=True))
        rows.append(
            {
                **about,
                "seeds": len(values),
                "mean": found.mean,
                "low": found.low,
                "high": found.high,
                "reason": found.reason or None,
            }
        )
    return rows


def comparisons(runs: pd.DataFrame) -> list[dict[str, Any]]:
    """One row with COMPARISON_COLUMNS for each two methods in each place, by each metric of the unlearned model."""
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
            rows.append(
                {
                    **dict(zip(keys, group, strict=True)),
                    "first": found.first,
                    "second": found.second,
                    "seeds": json.dumps(list(found.seeds)),
                    "difference": found.difference,
                    "low": found.low,
                    "high": found.high,
                    "p_value": found.p_value,
                    "p_holm": found.p_holm,
                    "reason": found.reason or None,
                }
            )
    return rows
