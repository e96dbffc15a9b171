"""From the stored outputs of a run to the numbers of its row."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from unbench.metrics import MEASURES, METRICS, MissingValue, Model, RunOutputs, average_gap, pathway_sensitivity
from unbench.schema import PATHWAYS

PREFIXES: dict[Model, str] = {"unlearned": "", "original": "original_", "oracle": "oracle_"}


def evaluate(outputs: RunOutputs) -> tuple[dict[str, float], dict[str, str]]:
    """The metric columns of a row, and for each one that cannot be computed the reason.

    Returns:
        values: column name to number, in the units of unbench.schema; only what could be computed.
        missing: column name to reason, for the rest.
    """
    values: dict[str, float] = {}
    missing: dict[str, str] = {}

    def fill(column: str, compute: Callable[[], float]) -> None:
        try:
            values[column] = compute()
        except MissingValue as reason:
            missing[column] = str(reason)

    for name, metric in METRICS.items():
        fill(name, lambda f=metric.function: f(outputs, "unlearned"))  # type: ignore[misc]
    for model, prefix in PREFIXES.items():
        for name in MEASURES if prefix else ():
            fill(prefix + name, lambda n=name, m=model: METRICS[n].function(outputs, m))  # type: ignore[misc]
    for model, prefix in PREFIXES.items():
        # Only memory models have pathways; for the rest the columns do not apply.
        if f"{model}_{PATHWAYS[0]}" not in outputs.logits:
            continue
        for pathway in PATHWAYS:
            part = cast(Model, f"{model}_{pathway}")
            for name in MEASURES:
                fill(f"{prefix}{pathway}_{name}", lambda n=name, m=part: METRICS[n].function(outputs, m))  # type: ignore[misc]
        for split in ("val", "forget"):
            column = f"{prefix}pathway_sensitivity_{split}"
            fill(column, lambda m=model, s=split: pathway_sensitivity(outputs, m, s))  # type: ignore[misc]
    fill("avg_gap", lambda: _gap_to_oracle(outputs))
    fill("avg_gap_floor", lambda: average_gap(measures(outputs, "oracle_2"), measures(outputs, "oracle")))
    fill("val_gap", lambda: _gap_to_oracle(outputs.validated()))
    return values, missing


def measures(outputs: RunOutputs, model: Model) -> dict[str, float]:
    """The four measures of the Average Gap for one model; raises MissingValue if any cannot be computed."""
    return {name: METRICS[name].function(outputs, model) for name in MEASURES}


def _gap_to_oracle(outputs: RunOutputs) -> float:
    return average_gap(measures(outputs, "unlearned"), measures(outputs, "oracle"))
