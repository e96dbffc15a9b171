"""Gradient ascent on the forget set (NegGrad)."""

from torch import Tensor, nn

from unbench.methods import Access, Batch, Method, classification_loss, descend


class GradientAscent(Method):
    """Maximise E_forget[CE] (Golatkar et al., arXiv 1911.04933, negative gradient).

    Unbounded: more epochs or a higher rate destroy the model rather than forget more. Batch-norm statistics drift
    to the forget set, as in the official code of Unlearn-Sparse, because the model is in training mode.
    """

    def unlearn(self, model: nn.Module, access: Access) -> nn.Module:
        """Ascend the loss of the forget set."""
        model.train()
        loss_of = classification_loss(model)

        def negative(batch: Batch) -> Tensor:
            return -loss_of(batch)

        descend(self.epochs(access.forget, "forget order"), negative, self.sgd(model))
        return model
