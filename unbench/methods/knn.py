"""A visual memory: forget by deleting rows, from a classifier that has learnt nothing else."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from unbench.methods import Images, LabelMemory, MemoryMethod

Weights = Literal["plurality", "distance", "softmax", "rank"]

_SMALLEST = 1e-6
"""Added to each class's share of the votes, so that a class without one has a logarithm."""
_TIE = 1e-4
"""Bonus of the first vote, halved with each rank: of classes with equal votes the one met first wins."""


class NearestNeighbourMemory(MemoryMethod):
    """A memory of frozen keys and labels whose nearest entries vote. There is no training.

    Objective:
        p(y) = sum of w_i over the K nearest stored images i of class y, normalised. Deletion is exact, to the bit, as
        far as the encoder has not seen the data.

        A training image would find itself first, with its own label: with one neighbour the retain accuracy would be
        100 by construction, with more it would still be too high, and so would the attacks' success before deletion. So
        the entry with exactly the image's key is passed over: training images are answered by the others
        (leave-one-out). The price is paid by copies. Of an image that is stored twice one entry is passed over and the
        other answers; once one of the two is forgotten, the other is passed over in its place; and a test image that is
        also a training image is answered without it.

    Reference:
        Geirhos et al., arXiv 2408.08172. Ranks, temperature and ties are the official code's.

    Differences:
        The paper needs no probabilities; here 1e-6 is added to each class's share. The official code recognises an
        image's own entry by name, this one by its key.
    """

    def train(self, images: Images, seed: int) -> NearestNeighbours:
        """Store the images' keys and labels."""
        return self.model_for(images).to(self.context.device).eval()

    def model_for(self, images: Images) -> NearestNeighbours:
        """Return the classifier that answers by the labels of `images`."""
        context, memory = self.context, self.labelled_memory(images)
        neighbours, temperature = context.count("neighbours"), context.number("temperature")
        leave_one_out = bool(context.hparams["leave_one_out"])
        return NearestNeighbours(memory, neighbours, context.choice("weights"), temperature, leave_one_out)


class NearestNeighbours(nn.Module):
    """Class shares of the K nearest entries' weighted votes: a classifier without weights.

    Args:
        memory: of the training images.
        neighbours: K.
        weights: of a vote at rank i = 0, 1, ... and cosine distance d: "plurality" 1, "distance" exp(-d), "softmax"
            exp((1 - d) / temperature), "rank" 1 / (i + 2).
        temperature: of "softmax".
        leave_one_out: pass over the entry of the image that is asked about.
    """

    def __init__(
        self, memory: LabelMemory, neighbours: int, weights: Weights, temperature: float, leave_one_out: bool
    ) -> None:
        super().__init__()
        self.memory = memory
        self.neighbours = neighbours
        self.weights = weights
        self.temperature = temperature
        self.leave_one_out = leave_one_out

    def forward(self, images: Tensor, keys: Tensor) -> Tensor:
        """Return the logarithms of the class shares (B, K) from keys (B, D) alone; uniform where nothing can vote."""
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
