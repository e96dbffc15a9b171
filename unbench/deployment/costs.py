"""The cost of a memory as it grows: bytes and seconds at any size, without training anything."""

from collections.abc import Iterator, Sequence
from typing import TypedDict, cast

import torch
from psutil import virtual_memory
from torch import Tensor
from torch.nn.functional import normalize

from unbench.errors import SpecError
from unbench.methods.components.memory_costs import build_memory, memory_costs, prediction_costs
from unbench.models.munkey import MemoryTransformer
from unbench.models.vit import VisionTransformer

ENTRIES = (10_000, 100_000, 1_000_000)
SIDE, PATCH, BATCH, NEIGHBOURS = 28, 7, 32, 4
"""The transformer is the one of preset cpu on 28-pixel images: width 128, 4 layers, 16 patches."""
PER_CLUSTER, SPREAD = 100, 0.5
"""Keys of a real encoder form clusters: about this many entries each, spread this far around their centre."""


class MemoryCost(TypedDict):
    """What a memory of one size costs: `predict_ms_*` are for one image of a batch of 32, its key not included."""

    entries: int
    bytes_per_entry: int
    index: str
    build_seconds: float
    delete_seconds: float
    predict_ms_plain: float
    predict_ms_ensemble: float
    predict_ms_softmax: float
    predict_ms_rank: float


def cost(
    entries: Sequence[int] = ENTRIES, dim: int = 768, request: int = 1000, index: str = "auto"
) -> Iterator[MemoryCost]:
    """Measure memories of growing size, one row each.

    Args:
        entries: sizes of the memory.
        dim: length of a key; 768 is that of ViT-B/16, the paper's encoder.
        request: number of ids that one request deletes.
        index: as for unbench.models.memory.Memory.

    Raises:
        SpecError: a number is not positive, the keys alone do not fit into this machine's memory, or `index` needs a
            missing package.
    """
    if min((*entries, dim, request), default=0) < 1:
        raise SpecError("entries, dim and request must be at least 1")
    largest, free = max(entries) * dim * 4, virtual_memory().available
    if largest > free:
        raise SpecError(f"{max(entries):,} keys take {largest / 2**30:,.0f} GiB; {free / 2**30:,.0f} GiB are free here")
    for count in entries:
        yield _measure(count, dim, request, index)


def _measure(count: int, dim: int, request: int, index: str) -> MemoryCost:
    generator = torch.Generator().manual_seed(0)
    keys = _clustered(count + BATCH, dim, generator)
    backbone = VisionTransformer(image_size=SIDE, channels=1, classes=10, patch=PATCH)
    memory, seconds = build_memory(torch.arange(count), keys[:count], backbone.width, index)
    model = MemoryTransformer(backbone, memory, NEIGHBOURS).eval()
    predictions = prediction_costs(model, torch.randn(BATCH, 1, SIDE, SIDE, generator=generator), keys[count:])
    columns = {**memory_costs(memory, seconds, request), **predictions}
    row = {name.removeprefix("memory_").removeprefix("index_"): value for name, value in columns.items()}
    return cast(MemoryCost, row)


def _clustered(count: int, dim: int, generator: torch.Generator) -> Tensor:
    centres = normalize(torch.randn(max(1, count // PER_CLUSTER), dim, generator=generator), dim=1)
    keys = torch.randn(count, dim, generator=generator).mul_(SPREAD / dim**0.5)
    for part in keys.split(65_536):  # in parts, without a second copy of a million keys
        part += centres[torch.randint(len(centres), (len(part),), generator=generator)]
    return keys
