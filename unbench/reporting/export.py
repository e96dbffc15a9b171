"""Export of a results folder for other tools."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unbench.errors import SpecError, StoreError, UnknownNameError
from unbench.reporting.markup import render
from unbench.store.files import atomic_path, write_text
from unbench.store.results import decode_json, load_metrics, load_results
from unbench.store.schema import COLUMNS, METRIC_COLUMNS, SCHEMA_VERSION, Column

if TYPE_CHECKING:
    import pandas as pd

TABLES: dict[str, tuple[Callable[[Path], pd.DataFrame], tuple[Column, ...], str]] = {
    "runs": (load_results, COLUMNS, "one row for each run: what was run, how it ended, every number of its row"),
    "metrics": (load_metrics, METRIC_COLUMNS, "one row for each evaluated metric of each model of a run"),
}
"""What is exported, by name: how it is read, its columns, and a description."""

_LISTED = ("method", "dataset", "scenario", "preset", "unbench_version", "torch_version")
"""Columns whose different values the card of a Hugging Face data set names."""

REPORTED = {"csv": "leaderboard.csv", "latex": "leaderboard.tex"}
"""Formats that `unbench report` writes."""


def export(results: Path | str, out: Path | str, kind: str = "json") -> list[Path]:
    """Write the runs of a results folder and their metrics; return the files written.

    Tables without a row are left out. The same results give the same bytes.

    Args:
        results: the results folder.
        out: the folder to write in, created if needed.
        kind: "json" (arrays of objects: OUT/runs.json, OUT/metrics.json) or "hf" (a folder in the layout of a Hugging
            Face data set: OUT/README.md, its card, and OUT/data/*.parquet).

    Raises:
        SpecError: `unbench report` writes this format; UnknownNameError: there is no such format.
        StoreError: there is no such folder, it holds no runs or a corrupt file, or OUT cannot be written.
    """
    if kind in REPORTED:
        raise SpecError(f"export does not write {kind}; 'unbench report' writes {REPORTED[kind]}")
    if kind not in _WRITERS:
        raise UnknownNameError("format", kind, _WRITERS)
    tables = {name: read(Path(results)) for name, (read, _, _) in TABLES.items()}
    if tables["runs"].empty:
        raise StoreError(f"{results} holds no runs to export")
    return _WRITERS[kind]({name: table for name, table in tables.items() if len(table)}, Path(out))


def _json(tables: dict[str, pd.DataFrame], out: Path) -> list[Path]:
    # Through pandas, which turns missing values into null and numpy's types into Python's.
    plain = {name: json.loads(table.to_json(orient="records", double_precision=15)) for name, table in tables.items()}
    plain["runs"] = [decode_json(row) for row in plain["runs"]]
    return [
        _write(out / f"{name}.json", json.dumps(rows, indent=1, allow_nan=False) + "\n") for name, rows in plain.items()
    ]


def _hf(tables: dict[str, pd.DataFrame], out: Path) -> list[Path]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from unbench.store.tables import arrow_schema

    written = []
    for name, table in tables.items():
        path = out / "data" / f"{name}.parquet"
        content = pa.Table.from_pandas(table, schema=arrow_schema(TABLES[name][1]), preserve_index=False)
        with atomic_path(path) as temporary:
            pq.write_table(content, temporary)
        written.append(path)
    runs = tables["runs"]
    names = {column: ", ".join(sorted(set(runs[column].dropna().map(str)))) for column in _LISTED}
    about = {name: TABLES[name] for name in tables}
    ok = (runs["status"] == "ok").sum()
    card = render("dataset_card.md", tables=about, runs=len(runs), ok=ok, schema=SCHEMA_VERSION, **names)
    return [_write(out / "README.md", card), *written]


_WRITERS: dict[str, Callable[[dict[str, Any], Path], list[Path]]] = {"json": _json, "hf": _hf}


def _write(path: Path, text: str) -> Path:
    write_text(path, text)
    return path
