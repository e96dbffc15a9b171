"""Names of leaderboard rows: the method, and of its settings only those in which the rows differ."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from unbench.report.formatting import clean, json_object

_ABSENT = object()


def row_labels(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Labels of the rows of one method in one cell, such as `ft`, or `ft[lr=0.01]` beside `ft[lr=0.1]`.

    Args:
        rows: each with method, method_version, hparams, training and model_options (the last three as JSON).
    """
    settings = [_settings(row) for row in rows]
    keys = sorted({key for options in settings for key in options})
    differing = [k for k in keys if len({_text(options.get(k, _ABSENT)) for options in settings}) > 1]
    versions = len({row["method_version"] for row in rows}) > 1
    labels = []
    for row, options in zip(rows, settings, strict=True):
        shown = ",".join(f"{key}={_text(options[key])}" for key in differing if key in options)
        version = f" v{row['method_version']}" if versions else ""
        labels.append(clean(f"{row['method']}{version}{f'[{shown}]' if shown else ''}"))
    return labels


def _settings(row: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(json_object(row["hparams"]))
    merged.update({f"training.{k}": v for k, v in json_object(row["training"]).items()})
    merged.update({f"model.{k}": v for k, v in json_object(row["model_options"]).items()})
    return merged


def _text(value: Any) -> str:
    if value is _ABSENT:
        return "(absent)"
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
