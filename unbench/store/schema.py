"""The columns of a results folder: one row per attempt of a run, one per metric of it, and one per example.

columns.toml lists them. Changing a column's meaning or type raises SCHEMA_VERSION; adding one at the end of a table
does not, because readers fill what an older file lacks with nulls.

Schema 2 has the columns of schema 1; its files carry a checksum (unbench.store.checksum), and one without a valid
checksum is corrupt. Schema 3 keeps metrics out of the files of rows: `MEASURED` columns are null there, and are read
from the table of metrics. Folders of any older schema are read as they are.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

Row = Mapping[str, Any]
"""One stored row: column name to value. What the columns mean is in columns.toml."""

SCHEMA_VERSION = 3

CHECKSUMS_SINCE = 2
"""First schema version whose files carry a checksum; those of schema 1 are read without one."""

PATHWAYS = ("image", "memory")
"""Parts of a memory model that are audited as models of their own: the image alone, and the memory alone."""


class Column(NamedTuple):
    """Name, Arrow type and meaning of one column; in a run's row also the metric and the model that its value is of."""

    name: str
    type: str
    meaning: str
    metric: tuple[str, str] | None = None


def _columns(table: Mapping[str, list[str]]) -> tuple[Column, ...]:
    return tuple(
        Column(name, kind, meaning, (metric[0], metric[1]) if metric else None)
        for name, (kind, meaning, *metric) in table.items()
    )


_TABLES: dict[str, Any] = tomllib.loads(Path(__file__).with_name("columns.toml").read_text("utf-8"))

COLUMNS = tuple(column for section in _TABLES["runs"].values() for column in _columns(section))
"""One row for each attempt of a run."""

AUDIT = _columns(_TABLES["runs"]["audit"])
"""Pathway accuracies, membership inference and sensitivity; null for methods without pathways."""

DEPLOYMENT = _columns(_TABLES["runs"]["deployment"])
"""Costs of a memory; null for methods without one."""

MEASURED: dict[str, tuple[str, str]] = {column.name: column.metric for column in COLUMNS if column.metric}
"""Columns of a run's row that are read from its table of metrics: column name to metric and model (`of`)."""

NEEDS_PATHWAY = {column.name: f"{MEASURED[column.name][1].partition('_')[0]}_{PATHWAYS[0]}" for column in AUDIT}
"""Columns that apply only to models with pathways, each with the pathway whose outputs such a model has."""

OUTPUT_COLUMNS = _columns(_TABLES["outputs"])
"""One row for each example of a run."""

PLACE = ("dataset", "scenario", "preset", "backbone")
"""Columns that name where methods are compared."""

BUT_SEED = (*PLACE, "method", "method_version", "hparams")
"""Columns that runs of several seeds have in common."""

METRIC_COLUMNS = _columns(_TABLES["metrics"])
"""One row for each metric of each model of a run: the one place where a metric's value is stored."""

_OF_A_PLACE = tuple(column for column in METRIC_COLUMNS if column.name in PLACE)

SEEDS_COLUMNS = (*(column for column in METRIC_COLUMNS if column.name in BUT_SEED), *_columns(_TABLES["seeds"]))
"""One row for each metric of each method over its seeds."""

POWER_COLUMNS = (*_OF_A_PLACE, *_columns(_TABLES["power"]))
"""One row for each attack on the same data: can it tell doing nothing from retraining?"""

COMPARISON_COLUMNS = (*_OF_A_PLACE, *_columns(_TABLES["comparisons"]))
"""One row for each two methods on the same data, by each metric."""
