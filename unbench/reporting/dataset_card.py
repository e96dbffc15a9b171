"""The card of results as a Hugging Face data set: a description for people, and YAML for the hub."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from unbench.reporting.markup import escape, template
from unbench.store.schema import SCHEMA_VERSION, Column

if TYPE_CHECKING:
    import pandas as pd

_LISTED = ("method", "dataset", "scenario", "preset", "unbench_version", "torch_version")


def dataset_card(runs: pd.DataFrame, tables: Mapping[str, tuple[str, tuple[Column, ...]]]) -> str:
    """Write README.md of the exported folder.

    Args:
        runs: as unbench.load_results returns them.
        tables: description and columns of each Parquet file in data/, by its name.
    """
    configs = (
        f"- config_name: {name}\n  data_files:\n  - split: train\n    path: data/{name}.parquet"
        + ("\n  default: true" if name == "runs" else "")
        for name in tables
    )
    counts = (f"- **{name}**: {what}; {len(columns)} columns" for name, (what, columns) in tables.items())
    card = template("dataset_card.md").format(
        configs="\n".join(configs),
        runs=len(runs),
        ok=(runs["status"] == "ok").sum(),
        schema=SCHEMA_VERSION,
        tables="\n".join(counts),
        **{column: _names(runs[column]) for column in _LISTED},
    )
    for name, (_, columns) in tables.items():
        card += f"\n## Columns of {name}\n\n| column | type | meaning |\n|:---|:---|:---|\n"
        card += "".join(f"| `{c.name}` | {escape(c.type)} | {escape(c.meaning)} |\n" for c in columns)
    return card


def _names(values: Iterable[object]) -> str:
    return ", ".join(escape(str(value)) for value in sorted({str(value) for value in values if value == value}))
