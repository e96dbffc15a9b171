"""Sparse fine-tuning: forget by training towards few weights, or by pruning first."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from unbench.methods import Access, Batch, Method, classification_loss, descend, highest, hold


class L1Sparse(Method):
    """Fine-tuning on the retain set under a penalty on the size of all weights.

    Objective:
        Minimise E_retain[CE] + alpha_t * |theta|_1, with alpha_t = alpha * (1 - t / T) in epoch t = 0 .. T - 1. The
        penalty sums over all parameters, norms and biases included, as in the official code. With alpha = 0 this is
        fine-tuning, to the bit if its images come in the same order. With `prune`, that share of the weights of linear
        and convolutional layers, those of smallest magnitude in all layers together, is set to zero first and stays
        zero: "prune first, then unlearn", with alpha = 0 in its plain form.

    Reference:
        Jia et al., arXiv 2304.04934, with the linearly falling penalty that the paper found best.

    Differences:
        In the paper the original itself is sparse, pruned and trained again, and so is its oracle; here both are dense,
        and pruning is part of the unlearning. The official code prunes convolutions alone.
    """

    def unlearn(self, model: nn.Module, access: Access) -> nn.Module:
        """Prune, if asked to, and fine-tune on the retain set under a falling penalty."""
        alpha, epochs = self.context.number("alpha"), self.context.count("epochs")
        optimizer = hold(self.sgd(model), self.prune(model))
        retain = self.batches(access.retain, "retain order")
        model.train()
        for epoch in self.rounds():
            descend([retain], penalised(model, alpha * (1 - epoch / epochs)), optimizer)
        return model

    @torch.no_grad()
    def prune(self, model: nn.Module) -> dict[nn.Parameter, Tensor]:
        """Set the smallest weights to zero; return, for each parameter concerned, which entries were."""
        share = self.context.number("prune")
        if share == 0:
            return {}
        weights = [p for name, p in model.named_parameters() if name.endswith("weight") and p.ndim > 1]
        masks = highest([-weight.abs() for weight in weights], share)
        for weight, mask in zip(weights, masks, strict=True):
            weight.masked_fill_(mask, 0)
        return dict(zip(weights, masks, strict=True))


def penalised(model: nn.Module, alpha: float) -> Callable[[Batch], Tensor]:
    """Return the loss of a batch: cross-entropy plus `alpha` times the sum of all parameters' magnitudes."""
    loss_of = classification_loss(model)
    if alpha == 0:
        return loss_of

    def loss(batch: Batch) -> Tensor:
        return loss_of(batch) + alpha * torch.stack([p.abs().sum() for p in model.parameters()]).sum()

    return loss
