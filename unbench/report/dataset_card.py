"""The card of results as a Hugging Face data set: a description for people, and YAML for the hub."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from unbench.report.markup import escape
from unbench.store.schema import SCHEMA_VERSION, Column

if TYPE_CHECKING:
    import pandas as pd


def dataset_card(runs: pd.DataFrame, tables: Mapping[str, tuple[str, tuple[Column, ...]]]) -> str:
    """Write README.md of the exported folder.

    Args:
        runs: as unbench.load_results returns them.
        tables: description and columns of each Parquet file in data/, by its name.
    """
    configs = [
        f"- config_name: {name}\n  data_files:\n  - split: train\n    path: data/{name}.parquet"
        + ("\n  default: true" if name == "runs" else "")
        for name in tables
    ]
    head = [
        "---",
        "pretty_name: Results of unbench",
        "tags:",
        "- machine-unlearning",
        "- image-classification",
        "- benchmark",
        "configs:",
        *configs,
        "---",
    ]
    counts = [f"- **{name}**: {what}; {len(columns)} columns" for name, (what, columns) in tables.items()]
    body = [
        "# Results of unbench",
        "",
        "What methods of machine unlearning retain of the images that a classifier should forget, each compared with",
        "an oracle: a model of the same recipe that never saw them. Made by unbench, an open benchmark harness.",
        "",
        f"- {len(runs)} runs, {(runs['status'] == 'ok').sum()} of them with numbers (`status`)",
        f"- methods: {_names(runs['method'])}",
        f"- data sets: {_names(runs['dataset'])}; the images are not included",
        f"- scenarios: {_names(runs['scenario'])}; presets: {_names(runs['preset'])}",
        f"- made with unbench {_names(runs['unbench_version'])} and torch {_names(runs['torch_version'])},"
        f" schema {SCHEMA_VERSION}",
        "",
        "Numbers of different presets, backbones or versions of a method or a data set must not be averaged together.",
        "A missing number has its reason in the column `missing`.",
        "",
        "```python",
        "from datasets import load_dataset",
        "",
        'runs = load_dataset("THIS_REPOSITORY", "runs", split="train").to_pandas()',
        "```",
        "",
        "## Tables",
        "",
        *counts,
    ]
    for name, (_, columns) in tables.items():
        body += ["", f"## Columns of {name}", "", "| column | type | meaning |", "|:---|:---|:---|"]
        body += [f"| `{c.name}` | {escape(c.type)} | {escape(c.meaning)} |" for c in columns]
    return "\n".join([*head, *body]) + "\n"


def _names(values: Iterable[object]) -> str:
    return ", ".join(escape(str(value)) for value in sorted({str(value) for value in values if value == value}))
