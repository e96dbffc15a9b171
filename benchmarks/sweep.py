"""Benchmark of what a sweep adds to the work itself: hand-outs, planning, and what a second job saves.

    python benchmarks/sweep.py [--quick] [--only overhead|planning|jobs]

Overhead: sweeps of 100 and of 10 runs whose reference models and runs are instantaneous (a lock, a log, a stored row);
the difference is what each run costs. Planning: 10,000 runs that are all done, from a folder that was read before.
Jobs: a smoke sweep by one process and by two, of one thread each. Prints Markdown tables; exits with 1 if a limit is
missed at full size. See benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from unbench.config import registry
from unbench.experiment.settings import Settings
from unbench.store.locks import locked
from unbench.store.results import Store
from unbench.store.schema import COLUMNS
from unbench.store.tables import write_table
from unbench.sweeps.plan import Planner
from unbench.sweeps.sweep import sweep
from unbench.sweeps.sweep_file import SweepCard
from unbench.sweeps.tasks import Outcome, Task

OVERHEAD_MS, PLANNING_SECONDS, JOBS_RATIO = 30.0, 3.0, 0.65
METHODS = [name for name, card in registry.methods().items() if card.family == "post-hoc" and not card.models][:20]


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small: only to see that it runs")
    parser.add_argument("--only", choices=["overhead", "planning", "jobs"])
    arguments = parser.parse_args()
    parts = {"overhead": overhead, "planning": planning, "jobs": jobs}
    held = [part(arguments.quick) for name, part in parts.items() if arguments.only in (None, name)]
    return int(not all(held) and not arguments.quick)


def overhead(quick: bool) -> bool:
    """Measure the milliseconds that a run costs beyond its own work."""
    import unbench.sweeps.executors.local as local

    local.perform = instant
    spent = {}
    for seeds in (1, 1, 2) if quick else (1, 1, 10):  # the first loads what this process needs, and does not count
        card = SweepCard(methods=METHODS[:10], datasets=["synthetic"], preset="smoke", seeds=list(range(seeds)), jobs=2)
        with tempfile.TemporaryDirectory() as folder:
            started = time.perf_counter()
            swept = sweep(card, results=folder)
            spent[len(swept.ran)] = time.perf_counter() - started
    (few, short), (many, long) = sorted(spent.items())
    each = 1000 * (long - short) / (many - few)
    print("| runs | seconds | runs | seconds | ms a run | limit |\n|---:|---:|---:|---:|---:|---:|")
    print(f"| {few} | {short:.2f} | {many} | {long:.2f} | {each:.1f} | ≤{OVERHEAD_MS:g} |\n")
    return each <= OVERHEAD_MS


def instant(task: Task, settings: Settings) -> Outcome:
    """Do what a worker does around a task, without the task."""
    store = settings.store
    with locked(store.locks, task.id, wait=False):
        if task.kind != "run":
            return Outcome("done")
        row = store.write_run({**filled(), "run_key": task.id.removeprefix("run-"), "method": task.spec.written}, None)
    return Outcome("done", row=row)


def planning(quick: bool) -> bool:
    """Measure the seconds to find that nothing is to do."""
    seeds = range(3 if quick else 125)
    card = SweepCard(
        methods=METHODS,
        datasets=["synthetic", "digits"],
        scenarios=["random10", "random50"],
        preset="smoke",
        seeds=list(seeds),
    )
    specs = list(card.runs())
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(Path(folder))
        settings.store.check_writable()
        drawn = Planner(settings)
        for spec in specs:
            data, state = drawn.datasets.load(spec), drawn.state(spec)
            row = {
                **filled(),
                "run_key": state.key,
                "dataset": data.name,
                "dataset_version": data.version,
                "data_fingerprint": data.fingerprint,
                "scenario": spec.scenario.name,
                "seed": spec.seed,
                "split_hash": drawn.split(spec).hash,
            }
            write_table(Store(folder).run_path(row), [row], COLUMNS)
        first = timed_plan(settings, card)
        again = timed_plan(settings, card)
    print("| runs, all done | first plan | again | limit |\n|---:|---:|---:|---:|")
    print(f"| {len(specs):,} | {first:.2f} s | {again:.2f} s | ≤{PLANNING_SECONDS:g} s |\n")
    return again <= PLANNING_SECONDS


def timed_plan(settings: Settings, card: SweepCard) -> float:
    """Return the seconds of a plan, which must find nothing to do."""
    started = time.perf_counter()
    runs = card.runs()
    plan = Planner(settings).plan(runs)
    assert not plan.tasks and len(plan.states) == len(runs)
    return time.perf_counter() - started


def filled() -> dict[str, Any]:
    """Return a row with every column filled, as that of a run."""
    values: dict[str, Any] = {"int64": 0, "double": 0.5, "bool": True}
    row = {column.name: values.get(column.type, column.name) for column in COLUMNS}
    return {**row, "attempt": 1, "status": "ok"}


def jobs(quick: bool) -> bool:
    """Compare two processes with one on the same sweep."""
    chosen = ["-m", "ft", "-m", "scrub"] if quick else ["-m", "post-hoc"]
    spent = []
    for count in (1, 2):
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "unbench", "sweep", *chosen, "-d", "digits", "--preset", "smoke"]
            started = time.perf_counter()
            subprocess.run(
                [*command, "--seeds", "0-1", "--jobs", str(count), "--threads", "1", "--results", folder],
                check=True,
                capture_output=True,
            )
            spent.append(time.perf_counter() - started)
    ratio = spent[1] / spent[0]
    print("| smoke sweep on digits | one job | two jobs | ratio | limit |\n|---|---:|---:|---:|---:|")
    print(f"| {' '.join(chosen)}, 2 seeds | {spent[0]:.1f} s | {spent[1]:.1f} s | {ratio:.2f} | ≤{JOBS_RATIO:g} |\n")
    return ratio <= JOBS_RATIO


if __name__ == "__main__":
    sys.exit(main())
