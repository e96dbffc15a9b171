"""Fine-tuning on the retain set: hope that what is not rehearsed is forgotten."""

from torch import nn

from unbench.methods import Access, Method, classification_loss, descend


class FineTune(Method):
    """Minimise E_retain[CE].

    As in the Unlearn-Sparse baseline (Jia et al., arXiv 2304.04934): SGD at a constant rate. At a low rate the
    forget accuracy stays where it was; the rate decides everything.
    """

    def unlearn(self, model: nn.Module, access: Access) -> nn.Module:
        """Continue training on the retain set."""
        model.train()
        descend(self.epochs(access.retain, "retain order"), classification_loss(model), self.sgd(model))
        return model
