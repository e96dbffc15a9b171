"""UNSIR: impair the forgotten class with noise that the model finds hardest, then repair the others."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from unbench.methods import (
    Access,
    Batch,
    Images,
    Method,
    NotApplicableError,
    classification_loss,
    descend,
    frozen_copy,
    normalise,
)


class Unsir(Method):
    """Noise learnt as the class to forget, then repair of the others.

    Objective:
        Find noise N by minimising -CE(f0(N), c) + penalty * E||N||^2 for the class c to forget and the original f0.
        Impair: minimise CE over copies of the noise, labelled c, and retain images, shuffled together. Repair: minimise
        CE over the retain images alone. No image to forget is needed.

    Reference:
        Tarun et al., Fast Yet Effective Machine Unlearning (arXiv 2111.08947).

    Differences:
        The authors' notebook labels every noise image 0, whichever class is forgotten; here it is the forgotten one.
        Noise is made against the original in eval mode (the notebook's training mode shifts its batch-norm statistics
        to the noise), and the retain images are drawn at random from each class, where the notebook takes the first.
        Noise is neither cropped nor flipped, because it was fitted value by value, and in the impair phase nor are the
        retain images beside it.
    """

    def unlearn(self, model: nn.Module, access: Access) -> nn.Module:
        """Make the noise, impair, repair."""
        context = self.context
        if access.forget_class is None:
            raise NotApplicableError("needs a class to forget")
        retain = some_of_each_class(access.retain, context.count("per_class"), context.seed_for("retain subset"))
        noise = self.hardest_noise(frozen_copy(model), access.forget_class)
        model.train()
        loss_of = classification_loss(model)
        impair = (self.impairing(noise, access.forget_class, retain, epoch) for epoch in self.rounds("impair_epochs"))
        descend(impair, loss_of, self.adam(model, lr=context.number("impair_lr")))
        repair = self.epochs(retain, "repair order", "repair_epochs")
        descend(repair, loss_of, self.adam(model, lr=context.number("repair_lr")))
        return model

    def hardest_noise(self, original: nn.Module, label: int) -> Tensor:
        """Return inputs (B, C, S, S) to which `original` gives `label` the least probability, kept small."""
        context = self.context
        channels, side = context.shape
        drawn = torch.Generator().manual_seed(context.seed_for("noise"))
        noise = torch.randn(context.count("noise_images"), channels, side, side, generator=drawn)
        noise = noise.to(context.device).requires_grad_()
        labels = torch.full((len(noise),), label, device=context.device)

        def ease(_: int) -> Tensor:
            size = noise.square().sum((1, 2, 3)).mean()
            return context.number("penalty") * size - nn.functional.cross_entropy(original(noise), labels)

        steps = context.progress.track(range(context.count("noise_steps")), "noise steps")
        descend([steps], ease, torch.optim.Adam([noise], lr=context.number("noise_lr")))
        return noise.detach()

    def impairing(self, noise: Tensor, label: int, retain: Images, epoch: int) -> Iterator[Batch]:
        """Yield one epoch over `retain` and the copies of `noise` under `label`, in one order; rows count both."""
        context = self.context
        generator = torch.Generator().manual_seed(context.seed_for(f"impair order of epoch {epoch}"))
        order = torch.randperm(len(retain) + context.count("noise_copies") * len(noise), generator=generator)
        for rows in order.split(context.preset.training.batch_size):
            kept = retain.take(rows[rows < len(retain)].numpy())
            copies = noise[((rows[rows >= len(retain)] - len(retain)) % len(noise)).to(noise.device)]
            images = torch.cat([normalise(torch.from_numpy(kept.pixels).to(context.device)), copies])
            labels = torch.cat([torch.from_numpy(kept.labels), torch.full((len(copies),), label)])
            yield Batch(rows.to(context.device), images, labels.to(context.device))


def some_of_each_class(images: Images, count: int, seed: int) -> Images:
    """Return at most `count` images of each class, drawn at random, in the order of the set."""
    shuffled = np.random.default_rng(seed).permutation(len(images))
    picked = [shuffled[images.labels[shuffled] == label][:count] for label in np.unique(images.labels)]
    return images.take(np.sort(np.concatenate(picked)))
