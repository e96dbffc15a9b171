"""SalUn: random labels, learnt only by the weights that matter most to the forget set."""

import torch
from torch import Tensor, nn

from unbench.methods import Access, Batches, Images, highest, hold
from unbench.methods.random_label import RandomLabel


class SalUn(RandomLabel):
    """Random labels, learnt by the salient weights alone.

    Objective:
        As random labels, with update theta <- theta_0 + m * (theta - theta_0), m = 1 where |dCE(forget) / dtheta_0| is
        high. The mask takes the `share` of all parameters, norms and biases included, with the largest gradients at the
        original, in eval mode. The gradient is that of the sum over images, so the batch size plays no part. Weights
        outside the mask stay as they are, to the bit; statistics of batch norm are not masked. With share = 1 this is
        random labels.

    Reference:
        Fan et al., arXiv 2310.12508.

    Differences:
        The mask is computed on un-augmented images; the official loader augments them. Published numbers are of a code
        that masked gradients alone, so that weight decay and momentum moved every weight; it was mended in 2026.
    """

    def unlearn(self, model: nn.Module, access: Access) -> nn.Module:
        """Find the salient weights, then train them on the retain set and the relabelled forget set together."""
        magnitudes = [gradient.abs() for gradient in self.gradients(model, access.forget)]
        salient = highest(magnitudes, self.context.number("share"))
        if not any(mask.any() for mask in salient):
            self.warn("the mask is empty: no weight was free to move")
        self.held = {parameter: ~mask for parameter, mask in zip(model.parameters(), salient, strict=True)}
        return super().unlearn(model, access)

    def optimizer(self, model: nn.Module) -> torch.optim.Optimizer:
        """Return an optimiser of all weights that holds those fast which are not salient."""
        return hold(self.sgd(model), self.held)

    def gradients(self, model: nn.Module, images: Images) -> list[Tensor]:
        """Return the gradient of the summed cross-entropy by each parameter, in their order."""
        parameters = list(model.parameters())
        model.eval()
        total = [torch.zeros_like(parameter) for parameter in parameters]
        for batch in Batches(images, self.context.preset.training.batch_size, self.context.device):
            loss = nn.functional.cross_entropy(model(batch.images), batch.labels, reduction="sum")
            gradients = torch.autograd.grad(loss, parameters, materialize_grads=True)
            total = [a + b for a, b in zip(total, gradients, strict=True)]
        return total
