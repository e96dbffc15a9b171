"""From the stored outputs of a run to the numbers of its row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from unbench.metrics import MEASURES, METRICS, MissingValue, Model, RunOutputs
from unbench.store.schema import PATHWAYS

PREFIXES: dict[Model, str] = {"unlearned": "", "original": "original_", "oracle": "oracle_"}


def columns_of(outputs: RunOutputs) -> tuple[dict[str, float], dict[str, str]]:
    """The metric columns of a row, and for each one that cannot be computed the reason.

    Returns:
        values: column name to number, in the units of unbench.store.schema; only what could be computed.
        missing: column name to reason, for the rest.
    """
    values: dict[str, float] = {}
    missing: dict[str, str] = {}
    for column, metric, model in _columns(outputs):
        try:
            values[column] = float(METRICS[metric].of(outputs, model))
        except MissingValue as reason:
            missing[column] = str(reason)
    return values, missing


def _columns(outputs: RunOutputs) -> Iterator[tuple[str, str, Model]]:
    """Column, metric and model of each number in a row."""
    for name in (*MEASURES, "forget_class_test_acc", "val_acc", "avg_gap", "val_gap"):
        yield name, name, "unlearned"
    yield "avg_gap_floor", "avg_gap", "oracle_2"
    for name in MEASURES:
        yield f"original_{name}", name, "original"
        yield f"oracle_{name}", name, "oracle"
    for model, prefix in PREFIXES.items():
        # Only memory models have pathways; for the rest the columns do not apply.
        if f"{model}_{PATHWAYS[0]}" not in outputs.logits:
            continue
        for pathway in PATHWAYS:
            for name in MEASURES:
                yield f"{prefix}{pathway}_{name}", name, cast(Model, f"{model}_{pathway}")
        for split in ("val", "forget"):
            yield f"{prefix}pathway_sensitivity_{split}", f"pathway_sensitivity_{split}", model
