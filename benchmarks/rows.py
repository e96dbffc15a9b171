"""Benchmark of reading the rows of a large results folder a second time, and of planning from it.

    python benchmarks/rows.py [--quick] [--rows N] [--json FILE]

The folder holds two Parquet files for each of 5,000 runs: its row, and the table of metrics that a run computes. The
first reading opens them all and keeps a copy; the second takes that; the third comes after one more run was stored, and
the last after the metrics of one run were computed again. Prints a Markdown table; exits with 1 if a limit is missed at
full size. See benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from unbench.store.metric_rows import identity_of, without_metrics, write_metric_rows
from unbench.store.results import Store, load_results, newest_attempts
from unbench.store.schema import COLUMNS
from unbench.store.tables import write_table

ROWS = 5_000

LIMITS = {"second": 0.1, "newest": 0.1, "one more": 0.2, "measured again": 0.2}
"""Largest share of the first reading."""

TITLES = {
    "second": "second reading",
    "newest": "status of all runs, to plan from",
    "one more": "reading after one more run",
    "measured again": "reading after new metrics of one run",
}


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few rows: only to see that it runs")
    parser.add_argument("--rows", type=int, default=ROWS, help="runs in the folder")
    parser.add_argument("--json", type=Path, help="write the numbers there too")
    arguments = parser.parse_args()
    count = 300 if arguments.quick else arguments.rows
    with tempfile.TemporaryDirectory() as folder:
        store = Store(folder)
        for number in range(count):
            write_row(store, number)
        first, found = timed(lambda: load_results(folder))
        spent, rows = {}, {}
        spent["second"], rows["second"] = timed(lambda: load_results(folder))
        spent["newest"], rows["newest"] = timed(lambda: newest_attempts(store.history()))
        write_row(store, count)
        spent["one more"], rows["one more"] = timed(lambda: load_results(folder))
        write_row(store, 0, test_acc=12.5)
        spent["measured again"], rows["measured again"] = timed(lambda: load_results(folder))
    same = rows["second"].equals(found) and len(rows["newest"]) == count and len(rows["one more"]) == count + 1
    same = same and (rows["measured again"]["test_acc"] == 12.5).sum() == 1
    ratios = {name: seconds / first for name, seconds in spent.items()}
    print("| measured | seconds | first reading | ratio | limit |\n|---|---:|---:|---:|---:|")
    for name, title in TITLES.items():
        print(f"| {title} | {spent[name]:.3f} | {first:.2f} | {ratios[name]:.3f} | ≤{LIMITS[name]:g} |")
    if arguments.json:
        arguments.json.write_text(json.dumps({"rows": count, "first": first, **spent}, indent=1) + "\n", "utf-8")
    missed = any(ratios[name] > limit for name, limit in LIMITS.items())
    return int(not same or (missed and not arguments.quick))


def write_row(store: Store, number: int, test_acc: float | None = None) -> None:
    """Write a row with every column filled, as a run does: its metrics are in a table of their own."""
    values: dict[str, Any] = {"int64": number, "double": number / 7, "bool": True}
    row = {column.name: values.get(column.type, f"{column.name} {number}") for column in COLUMNS}
    row |= {"run_key": f"{number:016x}", "attempt": 1, "status": "ok"}
    own, metrics = without_metrics({**row, "missing": "{}", "test_acc": test_acc or row["test_acc"]}, [])
    write_metric_rows(store.metrics_path(row), identity_of(row), metrics)
    write_table(store.run_path(row), [own], COLUMNS)


def timed(read: Callable[[], Any]) -> tuple[float, Any]:
    """Return the seconds that a call took, and its result."""
    started = time.perf_counter()
    found = read()
    return time.perf_counter() - started, found


if __name__ == "__main__":
    sys.exit(main())
