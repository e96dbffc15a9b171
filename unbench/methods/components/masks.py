"""Masks over a model's weights: which entries score highest, and an optimiser that leaves some of them alone."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn


def highest(scores: Sequence[Tensor], share: float) -> list[Tensor]:
    """Return boolean masks, shaped like the tensors of `scores`, of the highest entries of all of them together.

    Exactly round(share * entries) are chosen; of equal scores those that come first, on every device.

    Args:
        scores: at least one tensor.
        share: of all entries, in [0, 1].
    """
    flat = torch.cat([score.flatten() for score in scores])
    order = flat.argsort(descending=True, stable=True)
    chosen = torch.zeros_like(flat, dtype=torch.bool)
    chosen[order[: round(share * len(flat))]] = True
    parts = chosen.split([score.numel() for score in scores])
    return [part.view_as(score) for part, score in zip(parts, scores, strict=True)]


def hold(optimizer: torch.optim.Optimizer, held: Mapping[nn.Parameter, Tensor]) -> torch.optim.Optimizer:
    """Return the same optimiser, which from now on leaves the entries in `held` as they are, to the bit.

    Masked gradients would not do: weight decay and momentum move a weight whose gradient is zero.

    Args:
        optimizer: of any kind.
        held: for each parameter of it that is held, a boolean mask of the same shape.
    """
    original = {parameter: parameter.detach().clone() for parameter in held}

    @torch.no_grad()
    def restore(stepped: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        for parameter, mask in held.items():
            parameter.copy_(torch.where(mask, original[parameter], parameter))
            for state in stepped.state[parameter].values():
                if isinstance(state, Tensor) and state.shape == mask.shape:
                    state.masked_fill_(mask, 0)

    optimizer.register_step_post_hook(restore)
    return optimizer
