"""Random labels: teach the model something else about the images to forget."""

from __future__ import annotations

import numpy as np
from torch import nn

from unbench.data.images import Images
from unbench.methods.base import Access, Method
from unbench.training import classification_loss, descend


class RandomLabel(Method):
    """Minimise CE over forget images with random labels and retain images with true ones, shuffled together.

    New labels each epoch, uniform over all classes, the true one included (successive random labels, as in SalUn's
    CIFAR-100 code, arXiv 2310.12508). Run for too long, the forget accuracy falls far below the oracle's.
    """

    def unlearn(self, model: nn.Module, access: Access) -> nn.Module:
        """Train on the retain set and the relabelled forget set together."""
        model.train()
        context = self.context
        draw = np.random.default_rng(context.seed_for("random labels"))
        forget, retain = access.forget, access.retain
        pixels = np.concatenate([forget.pixels, retain.pixels])
        ids = np.concatenate([forget.ids, retain.ids])
        optimizer, loss_of = self.sgd(model), classification_loss(model)
        for epoch in context.progress.track(range(context.count("epochs"))):
            labels = np.concatenate([draw.integers(0, context.classes, len(forget)), retain.labels])
            batches = self.batches(Images(pixels, labels, ids), f"order of epoch {epoch}")
            descend(model, [batches], loss_of, optimizer)
        return model
