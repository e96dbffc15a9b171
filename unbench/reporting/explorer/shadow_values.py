"""Values of shadow models, as the explorer shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from unbench.analysis.board.metric_column import SEVERAL, shadow_metrics
from unbench.analysis.rows.values import clean, present
from unbench.reporting.explorer.values import Value, rounded

if TYPE_CHECKING:
    import pandas as pd


def shadow_values(metrics: pd.DataFrame, rows: Sequence[Mapping[str, Any]]) -> dict[tuple[int, str], dict[str, Value]]:
    """Return the values of metrics of shadow models by row number and model, then by metric.

    A value is the metric, no spread, and the ends of its 95 % bootstrap interval over the models.

    Args:
        metrics: as unbench.load_metrics returns them.
        rows: of the whole leaderboard.
    """
    values: dict[tuple[int, str], dict[str, Value]] = {}
    for (number, of, name), entries in shadow_metrics(metrics, rows).items():
        values.setdefault((number, of), {})[name] = _value(entries)
    return values


def _value(entries: Sequence[Mapping[str, Any]]) -> Value:
    if len(entries) > 1:
        return SEVERAL
    (entry,) = entries
    if not present(entry["value"]):
        return clean(entry["missing"] or "no value is stored, and no reason")
    return [rounded(entry["value"]), None, rounded(entry["low"]), rounded(entry["high"])]
