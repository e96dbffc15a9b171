"""Precision of a network's layers, whoever calls it: training, unlearning, prediction."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch import Tensor, nn

from unbench.config.cards import Precision


class Backbone(nn.Module):
    """Base of all networks that a preset can name.

    Attributes:
        precision: "fp32", or "bf16": layers compute in bfloat16 where that is safe (torch.autocast); weights, inputs
            and outputs stay in float32.
    """

    precision: Precision = "fp32"


def in_own_precision(forward: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Make a method of a Backbone compute in the network's precision and return float32.

    The casts of weights are not cached: a step of the optimiser would leave them behind.
    """

    @wraps(forward)
    def run(self: Backbone, inputs: Tensor, *others: Any) -> Tensor:
        if self.precision == "fp32":
            return forward(self, inputs, *others)
        with torch.autocast(inputs.device.type, torch.bfloat16, cache_enabled=False):
            return forward(self, inputs, *others).float()

    return run
