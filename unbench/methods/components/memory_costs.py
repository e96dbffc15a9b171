"""What a memory costs where it is deployed: bytes, time to build and to delete, time to predict."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from statistics import median

import torch
from torch import Tensor

from unbench.models.memory import Memory
from unbench.models.munkey import Aggregation, MemoryTransformer
from unbench.training.cost import clock

REPEATS = 5
"""Predictions are timed this often, for a median; a first, uncounted one pays for what is loaded once."""

AGGREGATIONS: tuple[Aggregation, ...] = ("ensemble", "softmax", "rank")


def build(ids: Tensor, keys: Tensor, width: int, index: str) -> tuple[Memory, float]:
    """A memory, and the seconds from keys to its first answer, the index included."""
    started = clock(keys.device)
    memory = Memory(ids, keys, width, index)
    if len(memory):
        memory.nearest(memory.keys[:1], 1)
    return memory, clock(keys.device) - started


def memory_costs(memory: Memory, build_seconds: float, delete: int) -> dict[str, int | float | str]:
    """Size of a memory and the time to delete from it, as columns of unbench.store.schema.

    Deletes `delete` random entries in one request (all, if there are no more), after it has counted the rest: give a
    memory that nobody else needs.
    """
    chosen = torch.randperm(len(memory), generator=torch.Generator().manual_seed(0))[:delete]
    ids = memory.ids[chosen.to(memory.ids.device)].cpu()
    costs: dict[str, int | float | str] = {
        "memory_entries": len(memory),
        "memory_bytes_per_entry": memory.bytes_per_entry,
        "memory_index": "approximate" if memory.approximate else "exact",
        "index_build_seconds": build_seconds,
    }
    device = memory.keys.device
    started = clock(device)
    memory.forget(ids)
    return {**costs, "delete_seconds": clock(device) - started}


@torch.inference_mode()
def prediction_costs(model: MemoryTransformer, images: Tensor, keys: Tensor) -> dict[str, float]:
    """Milliseconds to predict one image, by each aggregation and by the plain transformer: columns of
    unbench.store.schema.

    Args:
        model: not changed.
        images, keys: one batch (B, C, S, S), (B, D), given whole to each; the time is divided by B. Computing keys is
            not in it.
    """
    ways: dict[str, Callable[[], Tensor]] = {"plain": lambda: model.backbone(images)}
    for aggregation in AGGREGATIONS:
        other = copy(model)  # shares the weights and the memory; only the rule differs
        other.aggregation = aggregation
        ways[aggregation] = lambda other=other: other(images, keys)  # type: ignore[misc]
    times: dict[str, list[float]] = {name: [] for name in ways}
    for repeat in range(1 + REPEATS):
        for name, predict in ways.items():
            started = clock(images.device)
            predict()
            seconds = clock(images.device) - started
            if repeat:
                times[name].append(seconds)
    return {f"predict_ms_{name}": 1000 * median(values) / len(images) for name, values in times.items()}
