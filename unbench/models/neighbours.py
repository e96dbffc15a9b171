"""A classifier without weights: the nearest labelled keys vote."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from unbench.models.memory.labels import LabelMemory

Weights = Literal["plurality", "distance", "softmax", "rank"]

_SMALLEST = 1e-6
"""Added to each class's share of the votes, so that a class without one has a logarithm."""
_TIE = 1e-4
"""Bonus of the first vote, halved with each rank: of classes with equal votes the one met first wins."""


class NearestNeighbours(nn.Module):
    """Class shares of the K nearest entries' weighted votes (Geirhos et al., arXiv 2408.08172).

    Args:
        memory: of the training images.
        neighbours: K.
        weights: of a vote at rank i = 0, 1, ... and cosine distance d: "plurality" 1, "distance" exp(-d), "softmax"
            exp((1 - d) / temperature), "rank" 1 / (i + 2).
        temperature: of "softmax".
        leave_one_out: pass over the entry of the image that is asked about.
    """

    def __init__(
        self,
        memory: LabelMemory,
        neighbours: int,
        weights: Weights = "rank",
        temperature: float = 0.07,
        leave_one_out: bool = True,
    ) -> None:
        super().__init__()
        self.memory = memory
        self.neighbours = neighbours
        self.weights = weights
        self.temperature = temperature
        self.leave_one_out = leave_one_out

    def forward(self, images: Tensor, keys: Tensor) -> Tensor:
        """Logarithms of the class shares (B, K) from keys (B, D) alone; uniform where nothing is left to ask."""
        if self.leave_one_out:
            rows, similarities, votes = self.memory.nearest_others(keys, self.neighbours)
        else:
            rows, similarities = self.memory.nearest(keys, self.neighbours)
            votes = torch.ones_like(rows, dtype=torch.bool)
        logits = self._log_weights(similarities).masked_fill(~votes, -torch.inf)
        weights = logits.softmax(1).masked_fill(~votes, 0)  # a row without any vote would be NaN
        shares = (weights[:, :, None] * self.memory.tokens[rows]).sum(1) + _SMALLEST
        return (shares / shares.sum(1, keepdim=True)).log()

    def _log_weights(self, similarities: Tensor) -> Tensor:
        ranks = torch.arange(similarities.shape[1], device=similarities.device)
        weights = {
            "plurality": torch.zeros_like(similarities),
            "distance": similarities - 1,
            "softmax": similarities / self.temperature,
            "rank": -(ranks + 2.0).log().expand_as(similarities),
        }[self.weights]
        return weights + _TIE * 0.5**ranks
