"""Time all metrics that need no model, with their intervals, on one run of the size of CIFAR-10.

    python benchmarks/metrics.py [--quick] [--json FILE]

The outputs are random: 50,000 retain, 5,000 forget, 5,000 validation and 10,000 test examples of 10 classes. Slow
metrics are left out. Prints a Markdown table; exits with 1 if the full size takes longer than the limit. See
benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np

from unbench.metrics import METRICS, MissingValue, RunOutputs
from unbench.metrics.estimates import RESAMPLES, estimate
from unbench.metrics.outputs import Model, Split

LIMIT = 3.0
"""Seconds on two cores."""

MODELS: tuple[Model, ...] = ("original", "unlearned", "oracle", "oracle_2")


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="use few examples, only to see that it runs")
    parser.add_argument("--json", type=Path, help="write the numbers there too")
    arguments = parser.parse_args()
    outputs = random_outputs(100 if arguments.quick else 1)
    resampled = outputs.resampled(RESAMPLES)
    warm_up(outputs)
    spent: dict[str, float] = {}
    for metric in METRICS.values():
        if metric.needs != "outputs" or metric.slow:
            continue
        started = time.perf_counter()
        for model in metric.models:
            estimate(metric, model, lambda: metric.of(outputs, model), lambda: metric.of(resampled, model))  # noqa: B023
        spent[metric.name] = time.perf_counter() - started
    total = sum(spent.values())
    print("| metric, of all its models | seconds |\n|---|---:|")
    for name, seconds in sorted(spent.items(), key=lambda item: -item[1])[:10]:
        print(f"| {name} | {seconds:.3f} |")
    print(f"| all {len(spent)}, with intervals of {RESAMPLES} resamples; limit {LIMIT:g} | {total:.2f} |")
    if arguments.json:
        arguments.json.write_text(json.dumps({"total": total, **spent}, indent=1) + "\n", "utf-8")
    return int(not arguments.quick and total > LIMIT)


def warm_up(outputs: RunOutputs) -> None:
    """Compute every metric once on few examples: what metrics import on first use is paid once, not for each run."""
    few = np.concatenate([np.flatnonzero(outputs.splits == split)[:60] for split in np.unique(outputs.splits)])
    small = RunOutputs(
        outputs.labels[few], outputs.splits[few], {model: logits[few] for model, logits in outputs.logits.items()}
    )
    for metric in METRICS.values():
        if metric.needs == "outputs" and not metric.slow:
            try:
                metric.of(small, "unlearned")
            except MissingValue:
                continue


def random_outputs(divisor: int) -> RunOutputs:
    """Draw outputs of four models that know the label a little, and better on what they were trained on."""
    sizes: dict[Split, int] = {"retain": 50_000, "forget": 5_000, "val": 5_000, "test": 10_000}
    splits = np.concatenate([np.full(size // divisor, split) for split, size in sizes.items()])
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, len(splits))
    logits: dict[Model, np.ndarray] = {}
    for model in MODELS:
        values = rng.normal(size=(len(splits), 10)).astype(np.float32)
        known = (splits == "retain") | ((splits == "forget") & (model == "original"))
        values[np.arange(len(splits)), labels] += 1 + 2 * known
        logits[model] = values
    return RunOutputs(labels, splits, logits)


if __name__ == "__main__":
    sys.exit(main())
