"""Measures a report over a large results folder whose rows were read before, plots of one data set included.

    python benchmarks/report.py [--quick] [--folder DIR] [--json FILE]

The folder holds one Parquet file for each of 20,000 rows: 10 data sets, 4 scenarios, 25 methods, 20 seeds. The first
reading opens them all and keeps a copy, and is not part of the limit. The report runs in a process of its own, started
anew, as a user starts it. Prints a Markdown table; exits with 1 if the limit is missed at full size. See
benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from itertools import product
from pathlib import Path
from typing import Any

from unbench.analysis.board.leaderboard import VALUES
from unbench.config import registry
from unbench.store.results import Store, load_results
from unbench.store.schema import COLUMNS
from unbench.store.tables import write_table

LIMIT = 5.0
"""Seconds."""

SCENARIOS = ("random1", "random10", "random50", "class")


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few rows: only to see that it runs")
    parser.add_argument("--folder", type=Path, help="keep the results there, and take those that are there already")
    parser.add_argument("--json", type=Path, help="write the numbers there too")
    arguments = parser.parse_args()
    sizes = (2, 2, 5, 3) if arguments.quick else (10, 4, 25, 20)
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.folder or Path(scratch) / "results"
        if not (folder / "runs").is_dir():
            write_rows(Store(folder), *sizes)
        started = time.perf_counter()
        rows = len(load_results(folder))
        first = time.perf_counter() - started
        dataset = next(iter(registry.datasets()))
        out = Path(scratch) / "out"
        spent = {
            "without plots": report(folder, out, "none"),
            "with the plots of one data set": report(folder, out, dataset),
        }
    print("| measured | seconds | limit |\n|---|---:|---:|")
    print(f"| reading {rows:,} rows, for the first time or again | {first:.1f} | |")
    for name, seconds in spent.items():
        print(f"| report, {name} | {seconds:.1f} | ≤{LIMIT:g} |")
    if arguments.json:
        arguments.json.write_text(json.dumps({"rows": rows, "first": first, **spent}, indent=1) + "\n", "utf-8")
    return int(not arguments.quick and max(spent.values()) > LIMIT)


def report(folder: Path, out: Path, plots: str) -> float:
    """Return the seconds of one report, from the start of its process to its end."""
    command = [sys.executable, "-m", "unbench", "report", "--results", folder, "--out", out, "--plots", plots]
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started


def write_rows(store: Store, datasets: int, scenarios: int, methods: int, seeds: int) -> None:
    """Write a row for each, with numbers that differ, in every column that a run without a memory fills."""
    draw = random.Random(0)
    cards = list(registry.methods().values())[:methods]
    sets = list(registry.datasets().values())[:datasets]
    texts = {column.name: column.name for column in COLUMNS if column.type == "string"}
    for number, (dataset, scenario, method, seed) in enumerate(
        product(sets, SCENARIOS[:scenarios], cards, range(seeds))
    ):
        numbers: dict[str, Any] = {name: draw.uniform(0, 100) for name in VALUES if not name.startswith("predict")}
        numbers["memory_entries"] = None
        row = {
            **texts,
            **numbers,
            "run_key": f"{number:016x}",
            "attempt": 1,
            "status": "ok",
            "error": None,
            "warnings": "[]",
            "missing": "{}",
            "method": method.name,
            "method_version": method.version,
            "method_family": method.family,
            "dataset": dataset.name,
            "dataset_version": dataset.version,
            "data_checksum": "matches",
            "scenario": scenario,
            "forget_class": None,
            "stem": None,
            "key_encoder": None,
            "preset": "cpu",
            "seed": seed,
            "hparams": json.dumps(method.resolve_hparams({})),
            "model_options": "{}",
            "training": "{}",
            "git_dirty": False,
            "tuned": False,
            "threads": 1,
            "numerics_version": 1,
        }
        write_table(store.run_path(row), [row], COLUMNS)


if __name__ == "__main__":
    sys.exit(main())
