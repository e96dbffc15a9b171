"""Selective synaptic dampening: shrink the weights that matter to the forget set far more than to the rest."""

import torch
from torch import Tensor, nn

from unbench.methods import Access, Gradients, Images, Method, mean_over_examples

NEXT_TO_NOTHING = 1e-4
"""Share of the parameters below which dampening so few is worth a warning."""


class SelectiveSynapticDampening(Method):
    """Dampening, without training, of the weights that matter to the forget set.

    Objective:
        theta <- min(1, lambda * I_D / I_f) * theta where I_f > alpha * I_D, with I = E_x[(d CE(x) / d theta)^2]; D is
        all of the training set. Every parameter may be dampened, those of norms and biases too, and statistics of
        batch norm are left alone. As D contains the forget set, I_f / I_D never exceeds |D| / |forget|, and with an
        alpha of that or more nothing is dampened, whatever the model.

    Reference:
        Foster et al., arXiv 2308.07707.

    Differences:
        The official code squares the gradients of mini-batches' mean losses, so that its importances depend on the
        batch size, and on two of them where the sets are batched differently. Ours are of single examples, as in ReGUn
        (arXiv 2603.11210), so alpha must be tuned for them.
    """

    def unlearn(self, model: nn.Module, access: Access) -> nn.Module:
        """Dampen, once."""
        alpha, strength = self.context.number("alpha"), self.context.number("lambda")
        of_forget, of_retain = self.importance(model, access.forget), self.importance(model, access.retain)
        share = len(access.forget) / (len(access.forget) + len(access.retain))
        dampened = 0
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                of_all = torch.lerp(of_retain[name], of_forget[name], share)
                factors = dampening(of_all, of_forget[name], alpha, strength)
                parameter.mul_(factors)
                dampened += int((factors < 1).sum())
        self.report(dampened / sum(parameter.numel() for parameter in model.parameters()), alpha * share)
        return model

    def importance(self, model: nn.Module, images: Images) -> Gradients:
        """Return how much each parameter matters to `images`: the diagonal of the empirical Fisher information."""
        return mean_over_examples(model, images, torch.square, progress=self.context.progress)

    def report(self, dampened: float, selectivity: float) -> None:
        """Warn if the share of parameters dampened is next to nothing; `selectivity` is alpha * |forget| / |D|."""
        if dampened < NEXT_TO_NOTHING:
            share = f"{100 * dampened:.1g} %" if dampened else "none"
            reason = ": none can be, alpha being |D| / |forget| or more" if selectivity >= 1 else ""
            self.warn(f"{share} of the parameters were dampened{reason}")


def dampening(of_all: Tensor, of_forget: Tensor, alpha: float, strength: float) -> Tensor:
    """Return factors in [0, 1] for the parameters with these importances to all data and to the forget set.

    1 where the forget set's does not exceed `alpha` times that of all data, also where both are zero.

    Args:
        of_all, of_forget: not negative, of the same shape.
        alpha: how selective, from 0; infinity selects nothing.
        strength: lambda, from 0.
    """
    selected = of_forget > alpha * of_all
    return torch.where(selected, strength * of_all / of_forget, 1.0).clamp(max=1.0)
