"""Stored metrics of shadow models, assigned to the rows of the leaderboard that they belong to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from unbench.analysis.rows.values import records, sorted_json
from unbench.config.reference_names import ORACLE
from unbench.store.schema import Row

if TYPE_CHECKING:
    import pandas as pd

SEVERAL = "several pools of shadow models match this row, and the stored values do not identify one"


def shadow_metrics(metrics: pd.DataFrame, rows: Sequence[Row]) -> dict[tuple[int, str, str], list[Row]]:
    """Assign the metrics that a method has of a pool of shadow models, which have no seeds, to rows.

    A stored value names data and recipe less closely than the leaderboard does: if two rows could be meant, neither
    gets it; if a row could have two values, it gets both, and no reader can choose (SEVERAL).

    Args:
        metrics: as unbench.load_metrics returns them.
        rows: of the whole leaderboard.

    Returns:
        Rows of `metrics` by row number, model and metric, sorted. The model is `unlearned` or, if retraining was
        evaluated in the same pool, `oracle`.
    """
    owners: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for number, row in enumerate(rows):
        owners[_identity(row, "model")].append(number)
    found: dict[tuple[int, str, str], list[Row]] = defaultdict(list)
    members: dict[tuple[str, str], set[int]] = defaultdict(set)
    retrained: list[Row] = []
    for entry in records(metrics[metrics["seed"].isna()]):
        if entry["method"] == ORACLE:
            retrained.append(entry)
        elif len(owner := owners.get(_identity(entry, "backbone"), [])) == 1:
            members[_pool(entry)].add(owner[0])
            found[owner[0], "unlearned", entry["metric"]].append(entry)
    for oracle in retrained:
        pool = members[_pool(oracle)]
        for number in pool:
            found[number, "oracle", oracle["metric"]].append(oracle)
        owner = owners.get(_identity(oracle, "backbone"), [])
        # A by-design method's pool has an oracle of its own, which is not that of the row.
        if len(owner) == 1 and all(rows[number]["method_family"] != "by-design" for number in pool):
            found[owner[0], "unlearned", oracle["metric"]].append(oracle)
    return dict(sorted(found.items(), key=lambda pair: pair[0]))


def _identity(row: Row, model: str) -> tuple[str, ...]:
    names = ("dataset", "scenario", "preset", model, "method", "method_version")
    return (*(str(row[name]) for name in names), sorted_json(row["hparams"]))


def _pool(entry: Row) -> tuple[str, str]:
    """Return the pool and the scenario of a stored value."""
    return str(entry["run_key"]).rpartition("-")[0], str(entry["scenario"])
