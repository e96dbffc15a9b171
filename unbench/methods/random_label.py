"""Random labels: teach the model something else about the images to forget."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import nn

from unbench.methods import Access, Batches, Images, Method, classification_loss, descend


class RandomLabel(Method):
    """Fine-tuning on all images, those to forget under random labels.

    Objective:
        Minimise CE over forget images with random labels and retain images with true ones, shuffled together. Run for
        too long, the forget accuracy falls far below the oracle's.

    Reference:
        `labels = "anew"`: new labels each epoch, uniform over all classes, the true one included (successive random
        labels, as in SalUn's CIFAR-100 code, arXiv 2310.12508). `"once"`: drawn once and never the true one, which
        several repositories call amnesiac.

    Differences:
        The method that is called amnesiac in its paper (Graves et al., arXiv 2010.10981) subtracts stored updates
        instead.
    """

    def unlearn(self, model: nn.Module, access: Access) -> nn.Module:
        """Train on the retain set and the relabelled forget set together."""
        model.train()
        descend(self.relabelled(access), classification_loss(model), self.optimizer(model))
        return model

    def optimizer(self, model: nn.Module) -> torch.optim.Optimizer:
        """Return an optimiser of all weights; SalUn holds some of them fast."""
        return self.sgd(model)

    def relabelled(self, access: Access) -> Iterator[Batches]:
        """Yield one epoch after the other over both sets."""
        context, forget, retain = self.context, access.forget, access.retain
        draw = np.random.default_rng(context.seed_for("random labels"))
        both = Images.join(forget, retain)
        anew = context.choice("labels") == "anew"
        if not anew:
            labels = (forget.labels + draw.integers(1, context.classes, len(forget))) % context.classes
        for epoch in self.rounds():
            if anew:
                labels = draw.integers(0, context.classes, len(forget))
            yield self.batches(both.relabelled(np.concatenate([labels, retain.labels])), f"order of epoch {epoch}")
