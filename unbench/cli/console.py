"""Printing: results to standard output in a form that pipes can use, everything else to standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unbench.progress import ConsoleProgress
from unbench.store.schema import Row

if TYPE_CHECKING:
    from rich.console import Console

    from unbench.analysis.board.cells import BoardCell


def console(stderr: bool = True) -> Console:
    """Return a rich console that leaves text as it is."""
    from rich.console import Console

    class Plain(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # as print does; `main` handles a reader that has closed the pipe

    return Plain(stderr=stderr, highlight=False)


def progress(title: str = "") -> ConsoleProgress:
    """Return bars on standard error."""
    return ConsoleProgress(console(), title)


def log(line: str) -> None:
    """Write one line to standard error."""
    print(line, file=sys.stderr, flush=True)


def say_what_happened(row: Row) -> None:
    """Report why a run is not ok, and its warnings."""
    what = f"{row['method']} on {row['dataset']} ({row['scenario']}, seed {row['seed']})"
    if row["status"] != "ok":
        log(f"{what}: {row['status']}: {row['error']}")
    for warning in json.loads(row["warnings"] or "[]"):
        log(f"{what}: warning: {warning}")


def print_json(value: Any, indent: int | None = None) -> None:
    """Write one JSON value to standard output."""
    print(json.dumps(value, indent=indent, allow_nan=False), flush=True)


def print_runs(rows: list[dict[str, Any]], results: Path) -> None:
    """Print the table at the end of `unbench run`, and the paths of what was written."""
    from unbench.analysis.rows.defaults import tuned_values_of
    from unbench.reporting.run_table import run_table
    from unbench.store.results import Store

    with tuned_values_of(results):
        console(stderr=False).print(run_table(rows))
    store = Store(results)
    for row in rows:
        print(store.run_path(row))
        if store.outputs_path(row).is_file():
            print(store.outputs_path(row))
    log(f"next: unbench report --results {results}")


def print_leaderboard(cells: Sequence[BoardCell], clear: bool = False) -> None:
    """Print the leaderboard as tables; `clear` clears the terminal first."""
    from unbench.reporting.terminal import leaderboard_table

    screen = console(stderr=False)
    table = leaderboard_table(cells)
    if clear:
        screen.clear()
    screen.print(table)


def print_rows(rows: Sequence[Row], as_json: bool) -> None:
    """Print a table on a terminal, and in a pipe one tab-separated line a row, for cut, awk and grep."""
    if as_json:
        print_json(rows, indent=1)
        return
    if not sys.stdout.isatty():
        for row in rows:
            print("\t".join("" if value is None else str(value) for value in row.values()))
        return
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    table = Table(*(rows[0] if rows else ["nothing here yet"]), box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for row in rows:
        table.add_row(*(escape(_short(value)) for value in row.values()))
    console(stderr=False).print(table)


def print_record(record: Row, as_json: bool) -> None:
    """Print one thing in full, a line for each of its parts."""
    if as_json:
        print_json(record, indent=1)
        return
    for key, value in record.items():
        if isinstance(value, dict) and value:
            print(f"{key}:")
            for inner, content in value.items():
                print(f"  {inner}: {_inline(content)}")
        else:
            print(f"{key}: {_inline(value)}")


def _inline(value: Any) -> str:
    if value is None or value == "" or value == {} or value == []:
        return "–"
    if isinstance(value, dict):
        return ", ".join(f"{k} {_inline(v)}" for k, v in value.items() if v is not None)
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value)


def _short(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        # Two decimals would show a small p-value or divergence as none.
        return f"{value:.2f}" if value == 0 or abs(value) >= 0.01 else f"{value:.1g}"
    return str(value)
