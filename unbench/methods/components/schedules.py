"""Learning rates that change from epoch to epoch, for loops whose scheduler steps after each batch."""

from __future__ import annotations

from collections.abc import Callable

import torch


def by_epoch(
    optimizer: torch.optim.Optimizer, steps: int, factor: Callable[[int], float]
) -> torch.optim.lr_scheduler.LambdaLR:
    """Return a schedule: the optimiser's rate times `factor(e)` during epoch e = 0, 1, ... of `steps` steps each."""
    return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: factor(step // steps))
