"""Training and prediction by precision and memory layout, and the harness against a bare loop, in turn in one run.

    python benchmarks/precision.py [--quick] [--json FILE]

Every arm trains the same network on the same random images of CIFAR-10's shape, with crops and flips. "bare" is the
shortest loop that does so with PyTorch alone. Prints a Markdown table; exits with 1 if a limit is missed at full size.
See benchmarks/README.md.
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

from unbench.config.cards import Preset, Training, Value
from unbench.data.images import Images
from unbench.models import build
from unbench.progress import Progress
from unbench.training.loops import predict, train_classifier

NETWORKS: dict[str, tuple[str, dict[str, Value], float]] = {
    "cifarnet": ("cifarnet", {}, 3.0),
    "cifarnet, narrow": ("cifarnet", {"width": 32}, 3.0),
    "resnet18": ("resnet18", {}, 2.5),
}
"""Backbone and options of each network, and the least speed-up that bfloat16 must give."""

OVERHEAD = 1.05
"""Most that the harness may take over the bare loop."""

PLAIN = Training(epochs=1, batch_size=512, lr=0.01, optimizer="sgd", augment=("crop", "flip"))
FAST = PLAIN.model_copy(update={"precision": "bf16", "channels_last": True})
RECIPES = {"fp32": PLAIN, "fp32, channels_last": PLAIN.model_copy(update={"channels_last": True}), "bf16": FAST}
CPU = torch.device("cpu")


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few images, one repetition: only to see that it runs")
    parser.add_argument("--json", type=Path, help="write the numbers there too")
    arguments = parser.parse_args()
    count, repetitions = (64, 1) if arguments.quick else (2048, 3)
    images, missed, found = random_images(count), False, {}
    print("| network | " + " | ".join(f"{name}, ms an image" for name in (*RECIPES, "bare bf16")), end="")
    print(" | bf16 faster by | limit | harness over bare | limit | predicting, over bare | limit |")
    print("|---|" + "---:|" * 10)
    for name, (model, options, least) in NETWORKS.items():
        arms = {recipe: trainer(model, options, how, images) for recipe, how in RECIPES.items()}
        arms["bare"] = bare(model, options, images)
        arms["predict"], arms["predict bare"] = predictors(model, options, images)
        times: dict[str, list[float]] = {arm: [] for arm in arms}
        for repetition in range(1 + repetitions):  # the first, uncounted one pays for what is loaded once
            for arm, work in arms.items():
                started = time.perf_counter()
                work()
                if repetition:
                    times[arm].append(1000 * (time.perf_counter() - started) / count)
        ms = {arm: median(values) for arm, values in times.items()}
        faster, over = ms["fp32"] / ms["bf16"], ms["bf16"] / ms["bare"]
        predicting = ms["predict"] / ms["predict bare"]
        cells = [name, *(f"{ms[arm]:.2f}" for arm in (*RECIPES, "bare")), f"{faster:.2f}", f"≥{least}"]
        print("| " + " | ".join([*cells, f"{over:.3f}", f"≤{OVERHEAD}", f"{predicting:.3f}", f"≤{OVERHEAD}"]) + " |")
        missed |= faster < least or over > OVERHEAD or predicting > OVERHEAD
        found[name] = ms
    if arguments.json:
        content = {"images": count, "threads": torch.get_num_threads(), "milliseconds an image": found}
        arguments.json.write_text(json.dumps(content, indent=1) + "\n", "utf-8")
    return int(missed and not arguments.quick)


def random_images(count: int) -> Images:
    """Return noise in the shape of CIFAR-10: what is timed does not depend on what is learnt."""
    draw = np.random.default_rng(0)
    pixels = draw.integers(0, 256, (count, 3, 32, 32), dtype=np.uint8)
    return Images(pixels, draw.integers(0, 10, count), np.arange(count))


def network(model: str, options: dict[str, Value], recipe: Training) -> nn.Module:
    """Return an untrained network for CIFAR-10's shape."""
    preset = Preset(image_size=32, model=model, model_options=options, training=recipe)  # type: ignore[arg-type]
    return build(preset, (3, 32), 10)


def trainer(model: str, options: dict[str, Value], recipe: Training, images: Images) -> Callable[[], object]:
    """Return what trains for an epoch as unbench does."""
    built = network(model, options, recipe)
    return lambda: train_classifier(built, images, recipe, 0, CPU, Progress())


def bare(model: str, options: dict[str, Value], images: Images) -> Callable[[], None]:
    """Return what trains for an epoch by the recipe FAST with PyTorch alone."""
    built = network(model, options, PLAIN).to(memory_format=torch.channels_last)
    pixels, labels = torch.from_numpy(images.pixels), torch.from_numpy(images.labels)

    def epoch() -> None:
        built.train()
        optimizer = torch.optim.SGD(built.parameters(), FAST.lr, FAST.momentum, weight_decay=0.05, nesterov=True)
        for rows in torch.randperm(len(labels)).split(FAST.batch_size):
            padded = nn.functional.pad(pixels[rows], (4, 4, 4, 4))
            windows, (down, right) = padded.unfold(2, 32, 1).unfold(3, 32, 1), torch.randint(0, 9, (2, len(rows)))
            batch = windows[torch.arange(len(rows)), :, down, right]
            flips = torch.rand(len(rows)) < 0.5
            batch = torch.where(flips[:, None, None, None], batch.flip(3), batch)
            batch = batch.contiguous(memory_format=torch.channels_last).float().div_(127.5).sub_(1)
            with torch.autocast("cpu", torch.bfloat16, cache_enabled=False):
                logits = built(batch)
            loss = nn.functional.cross_entropy(logits.float(), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return epoch


def predictors(
    model: str, options: dict[str, Value], images: Images
) -> tuple[Callable[[], object], Callable[[], object]]:
    """Return what predicts as unbench does, and with PyTorch alone."""
    built, plain = network(model, options, FAST).eval(), network(model, options, PLAIN).eval()
    plain.to(memory_format=torch.channels_last)
    pixels = torch.from_numpy(images.pixels)

    @torch.inference_mode()
    def by_hand() -> torch.Tensor:
        with torch.autocast("cpu", torch.bfloat16, cache_enabled=False):
            return torch.cat([plain(part.float().div_(127.5).sub_(1)).float() for part in pixels.split(512)])

    return lambda: predict(built, {"test": images}, CPU), by_hand


if __name__ == "__main__":
    sys.exit(main())
