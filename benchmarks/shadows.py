"""Benchmark of what sharing shadow models saves, and what making two at once does.

    python benchmarks/shadows.py [--quick] [--json FILE]

On digits, preset cpu. First the same models by one job and by two, in turn. Then U-LiRA of one method, and of four more
on the same models, evaluation included. Prints a Markdown table; exits with 1 if a limit is missed at full size. See
benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from unbench import evaluate, shadow

METHODS = ("ga", "boundary_shrink", "boundary_expand", "ssd", "lfssd")
"""Fast methods: the time of a method itself on each model is not shared."""
MOST = 1.3
"""Largest allowed ratio of the time of five methods to that of one."""

LEAST = 1.7
"""Smallest allowed ratio of the models that two jobs make to those of one."""


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few models: only to see that it runs")
    parser.add_argument("--json", type=Path, help="write the numbers there too")
    arguments = parser.parse_args()
    preset, count, repetitions = ("smoke", 4, 1) if arguments.quick else ("cpu", 32, 3)
    one, two = throughput(preset, 4, repetitions)
    first, all_five = sharing(preset, count)
    print("| measured | seconds | seconds | ratio | limit |\n|---|---:|---:|---:|---:|")
    print(f"| one job, two jobs | {one:.1f} | {two:.1f} | {one / two:.2f} | ≥{LEAST} |")
    print(
        f"| U-LiRA of one method, of five; {count} models | {first:.1f} | {all_five:.1f} "
        f"| {all_five / first:.2f} | ≤{MOST} |"
    )
    if arguments.json:
        found = {"one_job": one, "two_jobs": two, "one_method": first, "five_methods": all_five}
        arguments.json.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    return int(not arguments.quick and (one / two < LEAST or all_five / first > MOST))


def throughput(preset: str, count: int, repetitions: int) -> tuple[float, float]:
    """Return the median seconds to make `count` models by one job and by two."""

    def make(jobs: int, preset: str = preset) -> float:
        with tempfile.TemporaryDirectory() as results:
            return timed(lambda: shadow("none", preset=preset, count=count, jobs=jobs, results=results))

    make(2, "smoke")  # starts the processes, uncounted
    seconds = [(make(1), make(2)) for _ in range(repetitions)]
    return median(one for one, _ in seconds), median(two for _, two in seconds)


def sharing(preset: str, count: int) -> tuple[float, float]:
    """Return the seconds until the first method has its U-LiRA, and until all have."""
    with tempfile.TemporaryDirectory() as results:
        (Path(results) / "runs").mkdir()

        def attack(method: str) -> None:
            shadow(method, preset=preset, count=count, jobs=2, results=results)
            evaluate(results, ["ulira_auroc"])

        spent = [timed(lambda: attack(method)) for method in METHODS]  # noqa: B023
    return spent[0], sum(spent)


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that some work takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main())
