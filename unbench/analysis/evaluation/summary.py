"""Metrics over seeds: means with their intervals, methods compared in pairs, and the power of attacks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from unbench.analysis.evaluation.power import power, powerless
from unbench.config.grammar import write_call
from unbench.metrics.outputs import MissingValue
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
