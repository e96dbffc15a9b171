"""Random labels: teach the model something else about the images to forget."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import nn

from unbench.data.batches import Batches
from unbench.data.images import Images
from unbench.methods.base import Access, Method
from unbench.training.loops import classification_loss, descend


class RandomLabel(Method):
    """Minimise CE over forget images with random labels and retain images with true ones, shuffled together.

    `labels = "anew"`: new labels each epoch, uniform over all classes, the true one included (successive random
    labels, as in SalUn's CIFAR-100 code, arXiv 2310.12508). `"once"`: drawn once and never the true one, which several
    repositories call amnesiac; the method of that name (Graves et al., arXiv 2010.10981) subtracts stored updates
    instead. Run for too long, the forget accuracy falls far below the oracle's.
    """

    def unlearn(self, model: nn.Module, access: Access) -> nn.Module:
        """Train on the retain set and the relabelled forget set together."""
        model.train()
        descend(self.relabelled(access), classification_loss(model), self.optimizer(model))
        return model

    def optimizer(self, model: nn.Module) -> torch.optim.Optimizer:
        """Over all weights; SalUn holds some of them fast."""
        return self.sgd(model)

    def relabelled(self, access: Access) -> Iterator[Batches]:
        """One epoch after the other over both sets."""
        context = self.context
        draw = np.random.default_rng(context.seed_for("random labels"))
        forget, retain = access.forget, access.retain
        both = Images.join(forget, retain)
        anew = context.hparams["labels"] == "anew"
        if not anew:
            labels = (forget.labels + draw.integers(1, context.classes, len(forget))) % context.classes
        for epoch in context.progress.track(range(context.count("epochs"))):
            if anew:
                labels = draw.integers(0, context.classes, len(forget))
            yield self.batches(both.relabelled(np.concatenate([labels, retain.labels])), f"order of epoch {epoch}")
