"""AMUN: fine-tune on adversarial images of the forget set, under the wrong labels that the original gives them."""

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from unbench.methods import (
    Access,
    Batch,
    Batches,
    Flips,
    Images,
    Method,
    NotApplicableError,
    PairedBatches,
    descend,
    find_flips,
)

SEARCH_BATCH = 256
WORTH_A_WARNING = 0.1
"""Share of forget images without an adversarial image above which the row has a warning."""


class AdversarialUnlearning(Method):
    """Fine-tuning on the training set and on an adversarial copy of each forget image.

    Objective:
        Minimise the mean CE over the union of retain images, forget images and (x', y') for each forget image x.
        x' is the closest image that PGD finds with y' = argmax f(x') other than argmax f(x), f the original: in a ball
        of radius eps_0, then 2 eps_0, 4 eps_0, ... The model learns wrong labels that its own boundary nearly gives
        already, and grows unsure beside the forget images and nowhere else.

    Reference:
        Ebrahimpour-Boroojeny et al., arXiv 2503.00917. `keep_forget = false` is the paper's variant without the forget
        images themselves. Radii are lengths over all pixels of an image with values in [0, 1].

    Differences:
        With a frozen backbone radii are in the units of its feature maps, which have no range to be clipped to.
        Doubling ends after `rounds`, and what could not be flipped by then is left out. The search starts from the
        original's prediction, not from the label, so that an image that was wrong from the start is moved too. Every
        batch holds adversarial images, at least one, and weighs them by their share of the union: the few of a small
        forget set are seen more often, and count for less each time. They are not augmented, as in the official code:
        shifted, they need not be adversarial.
    """

    def unlearn(self, model: nn.Module, access: Access) -> nn.Module:
        """Find adversarial images of the forget set, then fine-tune on everything."""
        context = self.context
        flipped = self.adversarial(model, access.forget)
        known = Images.join(access.retain, access.forget) if context.hparams["keep_forget"] else access.retain
        share = len(flipped) / (len(flipped) + len(known))
        size = context.preset.training.batch_size
        beside = max(1, round(size * share))
        clean = self.batches(known, "order", max(1, size - beside))
        adversarial = Batches(flipped, beside, context.device, context.seed_for("adversarial order"))
        pairs = PairedBatches(clean, adversarial)

        def loss(pair: tuple[Batch, Batch]) -> Tensor:
            logits = model(torch.cat([batch.images for batch in pair]))
            losses = cross_entropy(logits, torch.cat([batch.labels for batch in pair]), reduction="none")
            plain, adversarial = losses.split([len(batch.labels) for batch in pair])
            return (1 - share) * plain.mean() + share * adversarial.mean()

        model.train()
        descend((pairs for _ in self.rounds()), loss, self.sgd(model))
        return model

    def adversarial(self, model: nn.Module, forget: Images) -> Images:
        """Return those forget images whose prediction could be changed, as they then are, under their new labels.

        Raises:
            NotApplicableError: no image could be flipped.
        """
        model.eval()
        batches = self.context.progress.track(Batches(forget, SEARCH_BATCH, self.context.device), "batches")
        parts = [self.search(model, batch) for batch in batches]
        images, labels, _, found = (torch.cat(part).cpu() for part in zip(*parts, strict=True))
        missed = int((~found).sum())
        if missed == len(forget):
            raise NotApplicableError("no forget image could be made adversarial: raise radius or rounds")
        if missed > WORTH_A_WARNING * len(forget):
            self.warn(f"{missed / len(forget):.0%} of the forget images were not made adversarial and are left out")
        rows = found.nonzero()[:, 0].numpy()
        return Images(images[rows].numpy(), labels[rows].numpy(), forget.ids[rows])

    def search(self, model: nn.Module, batch: Batch) -> Flips:
        """Return adversarial images of one batch, as the model reads images."""
        context, maps = self.context, bool(self.context.preset.stem)
        # Pixels are fed in [-1, 1]: twice as long as in [0, 1].
        radius = context.number("radius") * (1 if maps else 2)
        limits = None if maps else (-1.0, 1.0)
        return find_flips(model, batch.images, radius, context.count("rounds"), context.count("steps"), limits)
