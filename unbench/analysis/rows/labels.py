"""Which rows are one, which may be compared, and how they are labelled."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from unbench.analysis.rows.defaults import default_hparams
from unbench.analysis.rows.values import clean, json_object
from unbench.store.schema import Row

CELL = ("dataset", "dataset_version", "data_fingerprint", "stem", "scenario", "preset", "model")
"""What makes two rows comparable: the same inputs, the same request to forget, the same size of model."""

ROW = (*CELL, "numerics_version", "model_options", "training", "method", "method_version", "hparams")
"""What two runs share that differ only in their seed."""

_ABSENT = object()


def row_labels(rows: Sequence[Row]) -> list[str]:
    """Label each row by its method and the settings in which rows of one method and cell differ.

    `ft` alone in its cell is `ft`; beside another it is `ft[lr=0.01]` or `ft v2`. If one of them has the
    card's default hyper-parameters, it stays `ft`, and the others show how they differ from it. Runs of one row,
    which differ only in their seed, share a label, and no two rows of one cell do.

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
        # Two names may look the same once cleaned; readers and plots need them apart.
        cell, whole, label, count = _key(row, CELL), _key(row, ROW), labels[number], 2
        while owners.setdefault((*cell, labels[number]), whole) != whole:
            labels[number], count = f"{label} #{count}", count + 1
    return labels


def _differences(rows: Sequence[Row]) -> list[str]:
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


def _defaults(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return each row's default hyper-parameters if some row of its method and cell has exactly those, else {}."""
    hparams = [json_object(row["hparams"]) for row in rows]
    found: dict[int, dict[str, Any]] = {}
    for version in {row["method_version"] for row in rows}:
        members = [number for number, row in enumerate(rows) if row["method_version"] == version]
        base = default_hparams(rows[members[0]]) if len(members) > 1 else None
        if base is not None and any(hparams[number] == base for number in members):
            found.update({number: base for number in members if hparams[number].keys() == base.keys()})
    return [found.get(number, {}) for number in range(len(rows))]


def _key(row: Row, names: Sequence[str]) -> tuple[str, ...]:
    return tuple(str(numerics(row) if name == "numerics_version" else row[name]) for name in names)


def numerics(row: Row) -> int:
    """Return the version of the shared code that produced a row. Rows older than the column count as version 1."""
    value = row["numerics_version"]
    return 1 if value is None or value != value else value


def _settings(row: Row) -> dict[str, Any]:
    parts = {"": "hparams", "training.": "training", "model.": "model_options"}
    return {f"{prefix}{k}": v for prefix, column in parts.items() for k, v in json_object(row[column]).items()}


def setting_text(value: Any) -> str:
    """Return the value of a setting as labels show it."""
    if value is _ABSENT:
        return "(absent)"
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def seed_words(seeds: Iterable[int]) -> str:
    """Return `seed 0` or `seeds 0, 1, 2`."""
    numbers = [str(seed) for seed in seeds]
    return f"seed{'s' if len(numbers) != 1 else ''} {', '.join(numbers)}"
