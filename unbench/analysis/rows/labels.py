"""Which rows are one, which may be compared, and what they are called."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from unbench.analysis.rows.defaults import default_hparams
from unbench.analysis.rows.values import clean, json_object

CELL = ("dataset", "dataset_version", "data_fingerprint", "stem", "scenario", "preset", "model")
"""What makes two rows comparable: the same inputs, the same request to forget, the same size of model."""

ROW = (*CELL, "numerics_version", "model_options", "training", "method", "method_version", "hparams")
"""What makes two runs the same but for their seed."""

_ABSENT = object()


def row_labels(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The method of each row, with those of its settings in which rows of one method and cell differ.

    `ft` alone in its cell is `ft`; beside another it is `ft[lr=0.01]` or `ft v2`. Where one of them has the
    card's default hyper-parameters it stays `ft`, and the others show what differs from it. Runs of one row,
    which differ in their seed alone, share a label, and no two rows of one cell do.

    Args:
        rows: with the columns of ROW.
    """
    labels = [""] * len(rows)
    alike: dict[tuple[str, ...], list[int]] = {}
    for number, row in enumerate(rows):
        alike.setdefault(_key(row, (*CELL, "method")), []).append(number)
    for numbers in alike.values():
        for number, label in zip(numbers, _differences([rows[n] for n in numbers]), strict=True):
            labels[number] = label
    owners: dict[tuple[str, ...], tuple[str, ...]] = {}
    for number, row in enumerate(rows):
        # Names may differ in what cannot be seen; a reader and a plot must still tell the rows apart.
        cell, whole, label, count = _key(row, CELL), _key(row, ROW), labels[number], 2
        while owners.setdefault((*cell, labels[number]), whole) != whole:
            labels[number], count = f"{label} #{count}", count + 1
    return labels


def _differences(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    settings = [_settings(row) for row in rows]
    keys = sorted({key for options in settings for key in options})
    differing = [k for k in keys if len({setting_text(options.get(k, _ABSENT)) for options in settings}) > 1]
    versions = len({row["method_version"] for row in rows}) > 1
    codes = len({numerics(row) for row in rows}) > 1
    labels = []
    for row, options, base in zip(rows, settings, _defaults(rows), strict=True):
        shown = ",".join(
            f"{key}={setting_text(options[key])}"
            for key in differing
            if key in options and not (key in base and options[key] == base[key])
        )
        version = f" v{row['method_version']}" if versions else ""
        version += f" code v{numerics(row)}" if codes else ""
        labels.append(clean(f"{row['method']}{version}{f'[{shown}]' if shown else ''}"))
    return labels


def _defaults(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """For each row of one method and cell its default hyper-parameters, if another row or itself has just those."""
    hparams = [json_object(row["hparams"]) for row in rows]
    found: dict[int, dict[str, Any]] = {}
    for version in {row["method_version"] for row in rows}:
        members = [number for number, row in enumerate(rows) if row["method_version"] == version]
        base = default_hparams(rows[members[0]]) if len(members) > 1 else None
        if base is not None and any(hparams[number] == base for number in members):
            found.update({number: base for number in members if hparams[number].keys() == base.keys()})
    return [found.get(number, {}) for number in range(len(rows))]


def _key(row: Mapping[str, Any], names: Sequence[str]) -> tuple[str, ...]:
    return tuple(str(numerics(row) if name == "numerics_version" else row[name]) for name in names)


def numerics(row: Mapping[str, Any]) -> int:
    """The version of the shared code that made a row: 1 where it is missing, for there was no other before it was."""
    value = row["numerics_version"]
    return 1 if value is None or value != value else value


def _settings(row: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(json_object(row["hparams"]))
    merged.update({f"training.{k}": v for k, v in json_object(row["training"]).items()})
    merged.update({f"model.{k}": v for k, v in json_object(row["model_options"]).items()})
    return merged


def setting_text(value: Any) -> str:
    """The value of a setting as labels show it."""
    if value is _ABSENT:
        return "(absent)"
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def seed_words(seeds: Iterable[int]) -> str:
    """`seed 0` or `seeds 0, 1, 2`."""
    numbers = [str(seed) for seed in seeds]
    return f"seed{'s' if len(numbers) != 1 else ''} {', '.join(numbers)}"
