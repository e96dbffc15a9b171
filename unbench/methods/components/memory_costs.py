"""The cost of a memory where it is deployed: bytes, time to build and to delete, time to predict."""

from collections.abc import Callable
from copy import copy
from statistics import median

import torch
from torch import Tensor

from unbench.models.memory import Memory
from unbench.models.munkey import Aggregation, MemoryTransformer
from unbench.training.cost import clock

REPEATS = 5
"""Timed predictions of each kind, for a median; a first, uncounted one pays for what is loaded once."""

AGGREGATIONS: tuple[Aggregation, ...] = ("ensemble", "softmax", "rank")


def build_memory(ids: Tensor, keys: Tensor, width: int, index: str) -> tuple[Memory, float]:
    """Return a memory, and the seconds from keys to its first answer, the index included."""
    started = clock(keys.device)
    memory = Memory(ids, keys, width, index)
    if len(memory):
        memory.nearest(memory.keys[:1], 1)
    return memory, clock(keys.device) - started


def memory_costs(memory: Memory, build_seconds: float, delete: int) -> dict[str, int | float | str]:
    """Return the size of a memory and the time to delete from it, as columns of unbench.store.schema.

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
    return {**costs, "delete_seconds": _seconds(lambda: memory.forget(ids), memory.keys.device)}


@torch.inference_mode()
def prediction_costs(model: MemoryTransformer, images: Tensor, keys: Tensor) -> dict[str, float]:
    """Return the milliseconds to predict one image, by each aggregation and by the plain transformer.

    Args:
        model: not changed.
        images, keys: one batch (B, C, S, S), (B, D), given whole to each; the time is divided by B. Computing keys is
            not in it.

    Returns:
        Columns of unbench.store.schema.
    """
    ways: dict[str, Callable[[], object]] = {"plain": lambda: model.backbone(images)}
    for aggregation in AGGREGATIONS:
        other = copy(model)  # shares the weights and the memory; only the rule differs
        other.aggregation = aggregation
        ways[aggregation] = lambda other=other: other(images, keys)  # type: ignore[misc]
    runs = [{name: _seconds(way, images.device) for name, way in ways.items()} for _ in range(1 + REPEATS)]
    return {f"predict_ms_{name}": 1000 * median(run[name] for run in runs[1:]) / len(images) for name in ways}


def _seconds(work: Callable[[], object], device: torch.device) -> float:
    started = clock(device)
    work()
    return clock(device) - started
