"""Masked small gradients: redraw the weights on which retain and forget set agree, and train mostly those."""

from functools import partial

import torch
from torch import Tensor, nn

from unbench.methods import (
    Access,
    Images,
    Method,
    by_epoch,
    classification_loss,
    convolutions,
    descend,
    highest,
    seeded,
    weighted_gradient,
)


class MaskedSmallGradients(Method):
    """Fine-tuning on the retain set after a new draw of the weights that both sets pull alike.

    Objective:
        G = grad CE(retain sample) - grad CE(forget). In each convolution redraw the `share` of weights with the
        smallest |G| (Kaiming normal, fan out), and let the others learn at `kept_rate` times the rate; then minimise
        E_retain[CE], at a rate that rises linearly over the first half of the epochs and falls over the second. G is
        taken in eval mode, without augmentation, on as many retain images as there are to forget.

    Reference:
        Second place of the NeurIPS 2023 unlearning competition, as in Deep Unlearn (arXiv 2410.01276).

    Differences:
        The public code scales the gradients of the kept weights but not their weight decay, which is then ten times too
        strong beside them; here both are scaled. It also loses the biases of convolutions, and in G gives an incomplete
        last batch the weight of a whole one; here biases stay, and every image counts alike.
    """

    def unlearn(self, model: nn.Module, access: Access) -> nn.Module:
        """Redraw the masked weights, then fine-tune on the retain set."""
        context = self.context
        masks = self.masks(model, access)
        if not any(mask.any() for mask in masks.values()):
            self.warn("no weight was redrawn")
        with seeded(context.seed_for("new weights")):
            redraw(masks)
        model.train()
        retain, count = self.batches(access.retain, "retain order"), context.count("epochs")
        decay, kept_rate = context.number("weight_decay"), context.number("kept_rate")
        # Decay is added to the gradient here, and not by the optimiser, so that it is scaled with it.
        optimizer = self.sgd(model, weight_decay=0.0)
        rates = {weight: torch.where(mask, 1.0, kept_rate) for weight, mask in masks.items()}
        hooks = [p.register_hook(partial(step_of, p, rates.get(p), decay)) for p in model.parameters()]
        schedule = by_epoch(optimizer, len(retain), lambda epoch: up_and_down(epoch, count))
        descend((retain for _ in self.rounds()), classification_loss(model), optimizer, schedule)
        for hook in hooks:
            hook.remove()
        return model

    def masks(self, model: nn.Module, access: Access) -> dict[Tensor, Tensor]:
        """Return for each convolution's weight the entries to redraw, a bool tensor of its shape."""
        weights = [conv.weight for conv in convolutions(model)]
        draw = torch.Generator().manual_seed(self.context.seed_for("retain sample"))
        rows = torch.randperm(len(access.retain), generator=draw)[: len(access.forget)]
        sample, forget, share = access.retain.take(rows.numpy()), access.forget, self.context.number("share")
        pulls = self.pulls(model, weights, sample, forget)
        return {weight: highest([-pull.abs()], share)[0] for weight, pull in zip(weights, pulls, strict=True)}

    def pulls(self, model: nn.Module, weights: list[Tensor], retain: Images, forget: Images) -> list[Tensor]:
        """Return G for each of `weights`: gradient of the mean cross-entropy on `retain`, minus that on `forget`."""
        signs = torch.cat([torch.full((len(retain),), 1 / len(retain)), torch.full((len(forget),), -1 / len(forget))])
        size, progress = self.context.preset.training.batch_size, self.context.progress
        gradients = weighted_gradient(model, Images.join(retain, forget), signs, size, progress)
        by_weight: dict[Tensor, Tensor] = dict(zip(model.parameters(), gradients.values(), strict=True))
        return [by_weight[weight] for weight in weights]


def redraw(masks: dict[Tensor, Tensor]) -> None:
    """Give the marked entries of each weight a new draw from the distribution of its layer's initialisation."""
    with torch.no_grad():
        for weight, mask in masks.items():
            fresh = nn.init.kaiming_normal_(torch.empty_like(weight), mode="fan_out", nonlinearity="relu")
            weight.copy_(torch.where(mask, fresh, weight))


def step_of(parameter: Tensor, rate: Tensor | None, decay: float, gradient: Tensor) -> Tensor:
    """Return the gradient for the optimiser: decay included, each entry times its own rate (None: 1)."""
    whole = gradient + decay * parameter.detach()
    return whole if rate is None else rate * whole


def up_and_down(epoch: int, epochs: int) -> float:
    """Return the factor of the learning rate in each of `epochs`: 1/3, 2/3, 1, 2/3, 1/3 for five."""
    top = (epochs + 1) // 2
    return (epoch + 1) / top if epoch < top else (epochs - epoch) / (epochs + 1 - top)
