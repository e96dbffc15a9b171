"""Gradients of single examples: all together against a loop over the examples, timed in turn in one run.

    python benchmarks/gradients.py [--quick] [--json FILE]

Both compute the diagonal of the empirical Fisher information of the transformer of digits' preset cpu, on noise of its
images' shape, on one thread. Prints a Markdown table; exits with 1 if the two results differ, or if the limit is missed
at full size. See benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from unbench import models
from unbench.config.registry import dataset
from unbench.data.batches import Batches
from unbench.data.images import Images
from unbench.methods import Gradients, mean_over_examples, seeded

LIMIT = 5
TOLERANCE = 1e-5
"""Largest difference between the two, as a share of the largest value of the same parameter tensor."""


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few images, one repetition: only to see that it runs")
    parser.add_argument("--json", type=Path, help="write the numbers there too")
    arguments = parser.parse_args()
    count, repetitions = (64, 1) if arguments.quick else (1347, 3)
    torch.set_num_threads(1)  # a loop over single examples has no work for more
    model, images = digits_transformer(), random_images(count)
    ways = {"loop": lambda: one_by_one(model, images), "together": lambda: together(model, images)}
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    results: dict[str, Gradients] = {}
    for repetition in range(1 + repetitions):  # the first, uncounted one pays for what is loaded once
        for way, compute in ways.items():
            results[way], taken = timed(compute)
            if repetition:
                seconds[way].append(taken)
    loop, all_together = median(seconds["loop"]), median(seconds["together"])
    ratio, difference = loop / all_together, largest_difference(results["loop"], results["together"])
    print(
        "| measured | one by one | together | ratio | limit | difference | limit |\n|---|---:|---:|---:|---:|---:|---:|"
    )
    print(
        f"| squared gradients of {count:,} images | {loop:.2f} s | {all_together:.2f} s | {ratio:.1f} | ≥{LIMIT} "
        f"| {difference:.1e} | ≤{TOLERANCE:g} |"
    )
    if arguments.json:
        found = {"images": count, "loop": loop, "together": all_together, "difference": difference}
        arguments.json.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    return int(difference > TOLERANCE or (not arguments.quick and ratio < LIMIT))


def digits_transformer() -> nn.Module:
    """Return the untrained model of digits' preset cpu."""
    preset = dataset("digits").presets["cpu"]
    with seeded(0):
        return models.build(preset, (1, preset.image_size), 10).eval()


def random_images(count: int) -> Images:
    """Return noise in the shape of digits: what is timed does not depend on what is learnt."""
    draw = np.random.default_rng(0)
    return Images(
        draw.integers(0, 256, (count, 1, 8, 8), dtype=np.uint8), draw.integers(0, 10, count), np.arange(count)
    )


def one_by_one(model: nn.Module, images: Images) -> Gradients:
    """Return the mean squared gradient by each parameter, from one backward pass for each example."""
    parameters = dict(model.named_parameters())
    total = {name: torch.zeros_like(parameter) for name, parameter in parameters.items()}
    for batch in Batches(images, 1, torch.device("cpu")):
        loss = cross_entropy(model(batch.images), batch.labels)
        for value, gradient in zip(total.values(), torch.autograd.grad(loss, list(parameters.values())), strict=True):
            value += gradient.square()
    return {name: value / len(images) for name, value in total.items()}


def together(model: nn.Module, images: Images) -> Gradients:
    """Return the same, computed by unbench.methods.components.gradients."""
    return mean_over_examples(model, images, torch.square)


def timed(compute: Callable[[], Gradients]) -> tuple[Gradients, float]:
    """Return the result of `compute` and the processor time that it took, in seconds."""
    started = time.process_time()
    return compute(), time.process_time() - started


def largest_difference(a: Gradients, b: Gradients) -> float:
    """Return the largest difference of all parameters, as a share of the largest value of each."""
    return max(float((a[name] - b[name]).abs().max() / a[name].abs().max()) for name in a)


if __name__ == "__main__":
    sys.exit(main())
