"""NegGrad+: descend on the retain set while ascending on the forget set."""

from torch import Tensor, nn

from unbench.methods import Access, Batch, Method, PairedBatches, classification_loss, descend


class NegGradPlus(Method):
    """Minimise alpha * CE(retain batch) - (1 - alpha) * CE(forget batch) (Kurmanji et al., arXiv 2302.09880).

    One epoch is one pass over the retain set, with the forget set repeated beside it in a new order each time;
    official code that caches the repeated batches never shuffles or augments them again. With alpha = 1 this is
    fine-tuning, to the bit if its images come in the same order.
    """

    def unlearn(self, model: nn.Module, access: Access) -> nn.Module:
        """Take joint steps on pairs of a retain and a forget batch."""
        model.train()
        alpha = self.context.number("alpha")
        loss_of = classification_loss(model)

        def joint(pair: tuple[Batch, Batch]) -> Tensor:
            retain, forget = pair
            if alpha == 1:
                return loss_of(retain)
            return alpha * loss_of(retain) - (1 - alpha) * loss_of(forget)

        pairs = PairedBatches(self.batches(access.retain, "retain order"), self.batches(access.forget, "forget order"))
        descend((pairs for _ in self.rounds()), joint, self.sgd(model))
        return model
