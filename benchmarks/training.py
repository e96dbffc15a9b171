"""An epoch of MUNKEY's training against one of the plain transformer, timed in turn in one run.

    python benchmarks/training.py [--quick] [--json FILE]

Both train on random images of Fashion-MNIST's shape by the recipe of preset cpu. Prints a Markdown table; exits with 1
if the limit is missed at full size. See benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np
import torch

from unbench.data.encoders.cache import FeatureCache
from unbench.data.images import Dataset, Images
from unbench.experiment.inputs import Inputs, make_method
from unbench.experiment.spec import RunSpec
from unbench.progress import Progress

LIMIT = 1.25
EPOCHS = 5
"""Enough for the recipe's own proportion of epochs that train everything and of those that train tokens alone."""


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few images, one repetition: only to see that it runs")
    parser.add_argument("--json", type=Path, help="write the numbers there too")
    arguments = parser.parse_args()
    images, repetitions = (300, 1) if arguments.quick else (4000, 3)
    data = random_images(images)
    epochs: dict[str, list[float]] = {"ft": [], "munkey": []}
    for repetition in range(1 + repetitions):  # the first, uncounted one pays for what is loaded once
        for method, times in epochs.items():
            seconds = train(method, data)
            if repetition:
                times.append(seconds / EPOCHS)
    plain, munkey = median(epochs["ft"]), median(epochs["munkey"])
    print("| measured | MUNKEY | plain transformer | ratio | limit |\n|---|---:|---:|---:|---:|")
    ratio = munkey / plain
    print(f"| training, an epoch of {images:,} images | {munkey:.2f} s | {plain:.2f} s | {ratio:.2f} | ≤{LIMIT} |")
    if arguments.json:
        found = {"images": images, "munkey": munkey, "plain": plain, "threads": torch.get_num_threads()}
        arguments.json.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    return int(not arguments.quick and ratio > LIMIT)


def random_images(count: int) -> Dataset:
    """Return noise in the shape of Fashion-MNIST, with random keys: what is timed does not depend on what is learnt."""
    draw = np.random.default_rng(0)

    def split(size: int) -> Images:
        pixels = draw.integers(0, 256, (size, 1, 28, 28), dtype=np.uint8)
        keys = draw.standard_normal((size, 256), dtype=np.float32)
        return Images(pixels, draw.integers(0, 10, size), np.arange(size), keys)

    return Dataset("noise", 1, tuple("0123456789"), split(count), split(10), split(10), "noise", "none published")


def train(method: str, data: Dataset) -> float:
    """Return the seconds of EPOCHS epochs, everything included that the method does before the first."""
    spec = RunSpec.parse(method, "fashion_mnist", preset="cpu")
    recipe = spec.preset.training.model_copy(update={"epochs": EPOCHS})
    spec = replace(spec, preset=spec.preset.model_copy(update={"training": recipe}))
    trainer = make_method(spec, Shaped(data, None, None, FeatureCache(data)), torch.device("cpu"), Progress())
    started = time.perf_counter()
    trainer.train(data.train if method == "munkey" else replace(data.train, keys=None), seed=0)
    return time.perf_counter() - started


class Shaped(Inputs):
    """Inputs whose keys were drawn, not encoded."""

    @property
    def key_dim(self) -> int:
        """Length of a key."""
        assert self.data.train.keys is not None
        return self.data.train.keys.shape[1]


if __name__ == "__main__":
    sys.exit(main())
