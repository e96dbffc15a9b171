"""SISA: retrain only what an image has touched."""

from __future__ import annotations

import numpy as np
from torch import nn

from unbench import models
from unbench.data.images import Images, Ints
from unbench.methods.base import Access, Method
from unbench.models.sharded import ShardedEnsemble
from unbench.progress import Progress
from unbench.seeds import derive_seed
from unbench.training.loops import seeded, train_classifier


class Sisa(Method):
    """Constituent s after slice r is trained on slices 0..r of shard s from where it stood after slice r - 1.

    To unlearn, a shard goes back to the checkpoint before its first affected slice and is trained from there on what
    remains (Bourtoule et al., arXiv 1912.03817). The result is what training from nothing on the retain set with the
    same seed gives, to the bit: an image's place is drawn by its id, whichever others are there, each step has a seed
    of its own, and no state of an optimiser is carried from slice to slice. A slice takes 2E / (R + 1) epochs, so that
    S constituents cost what one model costs in E. The official code votes; here probabilities are averaged by default,
    because a loss of votes has S + 1 values.

    What is saved depends on the request. One image costs one shard; a random tenth of the images almost surely touches
    the first slice of every shard, and unlearning is nearly a full retraining, as the paper says of large requests.
    What is paid for it: constituents that saw a share of the data, and S * R checkpoints, all of which are in the
    model's state.
    """

    own_training = True

    def build(self, images: int) -> ShardedEnsemble:
        """Untrained constituents; their number does not depend on `images`."""
        context = self.context
        return ShardedEnsemble(
            self._constituent,
            context.count("shards"),
            context.count("slices"),
            context.classes,
            context.hparams["aggregation"],  # type: ignore[arg-type]  # the card's choices are the type's
        )

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
                    before = self._constituent()
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
        """Shard and slice of each of the ids (N,)."""
        seed, places = int(model.seed), len(model.checkpoints)
        drawn = [derive_seed(seed, "place", example) % places for example in ids.tolist()]
        shards, pieces = np.divmod(np.array(drawn, dtype=np.int64), model.slices)
        return shards, pieces

    def _constituent(self) -> nn.Module:
        return models.build(self.context.preset, self.context.shape, self.context.classes)
