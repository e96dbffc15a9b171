"""Growth with the number of entries: the accounting of a memory of any size, without training anything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

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
"""Keys of a real encoder lie in clusters: about this many entries each, this far around their centre."""


def cost(
    entries: Sequence[int] = ENTRIES, dim: int = 768, request: int = 1000, index: str = "auto"
) -> Iterator[dict[str, int | float | str]]:
    """Measure memories of growing size, one row each.

    Args:
        entries: sizes of the memory.
        dim: of a key; 768 is ViT-B/16's, the paper's encoder.
        request: how many ids one request deletes.
        index: as of unbench.models.memory.Memory.

    Yields:
        entries; bytes_per_entry; index; build_seconds; delete_seconds, of one request; predict_ms_ensemble, _softmax,
        _rank and _plain, for one image of a batch of 32, computing its key not included.

    Raises:
        SpecError: a number is not positive, the keys alone would not fit into this machine's memory, or `index` needs a
            package that is missing.
    """
    if min((*entries, dim, request), default=0) < 1:
        raise SpecError("entries, dim and request must be at least 1")
    largest, free = max(entries) * dim * 4, virtual_memory().available
    if largest > free:
        raise SpecError(f"{max(entries):,} keys take {largest / 2**30:,.0f} GiB; {free / 2**30:,.0f} GiB are free here")
    for count in entries:
        yield _measure(count, dim, request, index)


def _measure(count: int, dim: int, request: int, index: str) -> dict[str, int | float | str]:
    generator = torch.Generator().manual_seed(0)
    keys = _clustered(count + BATCH, dim, generator)
    backbone = VisionTransformer(image_size=SIDE, channels=1, classes=10, patch=PATCH)
    memory, seconds = build_memory(torch.arange(count), keys[:count], backbone.width, index)
    model = MemoryTransformer(backbone, memory, NEIGHBOURS).eval()
    predictions = prediction_costs(model, torch.randn(BATCH, 1, SIDE, SIDE, generator=generator), keys[count:])
    columns = {**memory_costs(memory, seconds, request), **predictions}
    return {name.removeprefix("memory_").removeprefix("index_"): value for name, value in columns.items()}


def _clustered(count: int, dim: int, generator: torch.Generator) -> Tensor:
    centres = normalize(torch.randn(max(1, count // PER_CLUSTER), dim, generator=generator), dim=1)
    keys = torch.randn(count, dim, generator=generator).mul_(SPREAD / dim**0.5)
    for part in keys.split(65_536):  # in parts: a second copy of a million keys would be for nothing
        part += centres[torch.randint(len(centres), (len(part),), generator=generator)]
    return keys
