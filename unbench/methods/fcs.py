"""FCS: flatten, then contrast and stabilise in turn; the winner of the NeurIPS 2023 unlearning competition."""

import torch
from torch import Tensor, nn

from unbench.methods import Access, Batch, Images, Method, classification_loss, descend, divergence


class Fcs(Method):
    """Flattened predictions on the forget set, then contrast and repair in turn.

    Objective:
        Stage one, one pass over the forget set: minimise KL(uniform || p(x)). Stage two, each epoch: minimise
        -mean_ij log softmax_j(<z(x_i), z(x_j)> / temperature) over pairs of a forget batch (i) and a retain batch (j,
        no gradient), as many as the smaller of the two sets has batches; then CE over the retain set. z are logits,
        and the contrast has no positives: it draws each forget image towards all retain images alike.

    Reference:
        Team Fanchuan, first place (Triantafillou et al., arXiv 2406.09073), as in Deep Unlearn (arXiv 2410.01276).
        Three SGDs, as published: the contrast's rate falls on half a cosine from step to step, and the retain set's
        grows with the batch, `retain_lr` being that of 64 images. Weight decay is the retain rounds' alone.
    """

    def unlearn(self, model: nn.Module, access: Access) -> nn.Module:
        """Flatten the predictions on the forget set, then contrast and stabilise in turn."""
        context = self.context
        model.train()
        self.flatten(model, access.forget)
        forget, beside = self.batches(access.forget, "forget order"), self.batches(access.retain, "contrast order")
        retain = self.batches(access.retain, "retain order")
        contrasting = self.sgd(model, lr=context.number("contrast_lr"), weight_decay=0.0)
        steps = max(1, context.count("epochs") * min(len(forget), len(beside)))
        cosine = torch.optim.lr_scheduler.CosineAnnealingLR(contrasting, steps, context.number("contrast_lr_min"))
        stabilising = self.sgd(model, lr=context.number("retain_lr") * retain.batch_size / 64)

        def away(pair: tuple[Batch, Batch]) -> Tensor:
            gone, kept = pair
            with torch.no_grad():
                anchors = model(kept.images)
            return contrast(model(gone.images), anchors, context.number("temperature"))

        for _ in self.rounds():
            descend([zip(forget, beside, strict=False)], away, contrasting, cosine)
            descend([retain], classification_loss(model), stabilising)
        return model

    def flatten(self, model: nn.Module, forget: Images) -> None:
        """Run stage one: draw the predictions on the forget set towards the uniform distribution."""

        def distance(batch: Batch) -> Tensor:
            logits = model(batch.images)
            return divergence(torch.zeros_like(logits), logits)

        rate = self.context.number("uniform_lr")
        descend([self.batches(forget, "uniform order")], distance, self.sgd(model, lr=rate, weight_decay=0.0))


def contrast(forget: Tensor, retain: Tensor, temperature: float) -> Tensor:
    """Return minus the mean log-softmax, over retain logits (R, K), of inner products with forget logits (F, K)."""
    return -(forget @ retain.T / temperature).log_softmax(1).mean()
