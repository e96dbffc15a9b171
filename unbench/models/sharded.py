"""An ensemble of classifiers that were each trained on a shard of the data, slice after slice."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

Aggregation = Literal["probabilities", "votes"]


class ShardedEnsemble(nn.Module):
    """S constituents with a checkpoint for each of their R slices, of which the last ones answer.

    Args:
        make: an untrained constituent.
        shards, slices: S and R, at least 1.
        classes: of the constituents.
        aggregation: "probabilities" takes the constituents' mean; "votes" gives each constituent one vote for its
            class, and their mean probabilities one more vote to share out, which breaks ties and leaves no class
            without a logarithm.
    """

    seed: Tensor
    voting: Tensor

    def __init__(
        self,
        make: Callable[[], nn.Module],
        shards: int,
        slices: int,
        classes: int,
        aggregation: Aggregation = "probabilities",
    ) -> None:
        super().__init__()
        self.shards = shards
        self.slices = slices
        self.classes = classes
        self.aggregation = aggregation
        self.checkpoints = nn.ModuleList(make() for _ in range(shards * slices))
        self.register_buffer("seed", torch.zeros((), dtype=torch.int64))
        """Of the training, from which every step's seed and every image's place are derived."""
        self.register_buffer("voting", torch.ones(shards, dtype=torch.bool))
        """Whether a shard had images to train on."""

    def checkpoint(self, shard: int, piece: int) -> nn.Module:
        """The constituent of `shard` as it is after slice `piece`."""
        return self.checkpoints[shard * self.slices + piece]

    def forward(self, images: Tensor) -> Tensor:
        """Logarithms of the class probabilities (B, K); uniform if no shard had images."""
        members = [self.checkpoint(shard, self.slices - 1) for shard in self.voting.nonzero()[:, 0].tolist()]
        if not members:
            return images.new_full((len(images), self.classes), -math.log(self.classes))
        each = torch.stack([member(images).log_softmax(1) for member in members])
        mean = each.logsumexp(0) - math.log(len(members))
        if self.aggregation == "probabilities":
            return mean
        votes = nn.functional.one_hot(each.argmax(2), self.classes).sum(0).to(mean.dtype)
        return torch.logaddexp(votes.log(), mean) - math.log(len(members) + 1)
