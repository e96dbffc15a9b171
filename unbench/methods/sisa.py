"""SISA: retrain only what an image has touched."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from unbench.methods import Access, Images, Ints, Method, Progress, derive_seed, seeded, train_classifier

Aggregation = Literal["probabilities", "votes"]


class Sisa(Method):
    """An ensemble trained on shards, slice after slice, of which only what an image has touched is trained again.

    Objective:
        Constituent s after slice r is trained on slices 0..r of shard s from where it stood after slice r - 1. To
        unlearn, a shard goes back to the checkpoint before its first affected slice and is trained from there on what
        remains. The result is what training an untrained model on the retain set with the same seed gives, to the bit:
        an image's place is drawn by its id, whichever others are there, each step has a seed of its own, and no state
        of an optimiser is carried from slice to slice. A slice takes 2E / (R + 1) epochs, so that S constituents cost
        what one model costs in E.

        What is saved depends on the request. One image costs one shard; a random tenth of the images almost surely
        touches the first slice of every shard, and unlearning is nearly a full retraining, as the paper states for
        large requests. What is paid for it: constituents that saw a share of the data, and S * R checkpoints, all of
        which are in the model's state.

    Reference:
        Bourtoule et al., arXiv 1912.03817.

    Differences:
        The official code votes; here probabilities are averaged by default, because a loss of votes has S + 1 values.
    """

    own_training = True

    def build(self, images: int) -> ShardedEnsemble:
        """Return untrained constituents; their number does not depend on `images`."""
        context = self.context
        counts = context.count("shards"), context.count("slices"), context.classes
        return ShardedEnsemble(self.backbone, *counts, context.choice("aggregation"))

    def train(self, images: Images, seed: int) -> ShardedEnsemble:
        """Train every shard from its first slice on."""
        with seeded(seed):
            model = self.build(len(images)).to(self.context.device)
        model.seed.fill_(seed)
        return self._train_from(model, images, dict.fromkeys(range(model.shards), 0))

    def unlearn(self, model: nn.Module, access: Access) -> nn.Module:
        """Train the affected shards again from the first affected slice on, with what remains."""
        assert isinstance(model, ShardedEnsemble)
        shards, pieces = self._places(model, access.forget_ids)
        first = {int(shard): int(pieces[shards == shard].min()) for shard in np.unique(shards)}
        return self._train_from(model, access.retain, first)

    def _train_from(self, model: ShardedEnsemble, images: Images, first: dict[int, int]) -> ShardedEnsemble:
        """Train each shard of `first` from the slice given there on; the checkpoints before it stay."""
        context, seed = self.context, int(model.seed)
        shards, pieces = self._places(model, images.ids)
        steps = [(shard, piece) for shard, start in first.items() for piece in range(start, model.slices)]
        for shard, piece in context.progress.track(steps, "slices"):
            constituent = model.checkpoint(shard, piece)
            if piece == 0:
                with seeded(derive_seed(seed, "start", shard)):
                    before = self.backbone()
            else:
                before = model.checkpoint(shard, piece - 1)
            constituent.load_state_dict(before.state_dict())
            seen = images.take(np.flatnonzero((shards == shard) & (pieces <= piece)))
            enough = len(seen) > 1  # batch norm cannot be trained on a single image
            if enough:
                self._train_on(constituent, seen, derive_seed(seed, "step", shard, piece))
            model.voting[shard] = enough
        return model.eval()

    def _train_on(self, constituent: nn.Module, images: Images, seed: int) -> None:
        context, recipe = self.context, self.context.preset.training
        epochs = max(1, round(2 * recipe.epochs / (context.count("slices") + 1)))
        batch_size = recipe.batch_size
        while len(images) % batch_size == 1:  # nor can it be on a last batch of one
            batch_size += 1
        recipe = recipe.model_copy(update={"epochs": epochs, "batch_size": batch_size})
        with seeded(seed):
            train_classifier(constituent, images, recipe, seed, context.device, Progress())

    def _places(self, model: ShardedEnsemble, ids: Ints) -> tuple[Ints, Ints]:
        """Return shard and slice of each of the ids (N,)."""
        seed, places = int(model.seed), len(model.checkpoints)
        drawn = [derive_seed(seed, "place", example) % places for example in ids.tolist()]
        shards, pieces = np.divmod(np.array(drawn, dtype=np.int64), model.slices)
        return shards, pieces


class ShardedEnsemble(nn.Module):
    """S constituents with a checkpoint for each of their R slices, of which the last ones answer.

    Args:
        make: returns an untrained constituent.
        shards, slices: S and R, at least 1.
        classes: of the constituents.
        aggregation: "probabilities" takes the constituents' mean; "votes" gives each constituent one vote for its
            class, and their mean probabilities one more vote to share out, which breaks ties and leaves no class
            without a logarithm.
    """

    seed: Tensor
    voting: Tensor

    def __init__(
        self, make: Callable[[], nn.Module], shards: int, slices: int, classes: int, aggregation: Aggregation
    ) -> None:
        super().__init__()
        self.shards = shards
        self.slices = slices
        self.classes = classes
        self.aggregation = aggregation
        self.checkpoints = nn.ModuleList(make() for _ in range(shards * slices))
        # Training seed; step seeds and the places of images derive from it.
        self.register_buffer("seed", torch.zeros((), dtype=torch.int64))
        # Whether a shard had images to train on.
        self.register_buffer("voting", torch.ones(shards, dtype=torch.bool))

    def checkpoint(self, shard: int, piece: int) -> nn.Module:
        """Return the constituent of `shard` as it is after slice `piece`."""
        return self.checkpoints[shard * self.slices + piece]

    def forward(self, images: Tensor) -> Tensor:
        """Return the logarithms of the class probabilities (B, K); uniform if no shard had images."""
        members = [self.checkpoint(shard, self.slices - 1) for shard in self.voting.nonzero()[:, 0].tolist()]
        if not members:
            return images.new_full((len(images), self.classes), -math.log(self.classes))
        each = torch.stack([member(images).log_softmax(1) for member in members])
        mean = each.logsumexp(0) - math.log(len(members))
        if self.aggregation == "probabilities":
            return mean
        votes = nn.functional.one_hot(each.argmax(2), self.classes).sum(0).to(mean.dtype)
        return torch.logaddexp(votes.log(), mean) - math.log(len(members) + 1)
