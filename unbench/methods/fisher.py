"""Fisher forgetting: drown what the retain set does not need in noise."""

import numpy as np
import torch
from torch import Tensor, nn

from unbench.methods import Access, Method, fisher_diagonal, head

LARGEST, LARGEST_LAST = 1e3, 1e2
"""Bounds of 1 / F, in general and in the last layer."""

AMPLIFIED = 10.0
"""Factor on the variance of norms and biases, and of the last layer."""

RESET_VARIANCE = 1e-4
"""Variance of a forgotten class's weights, before amplification."""


class FisherForgetting(Method):
    """Noise on every weight, the more the less the retain set needs it.

    Objective:
        theta <- theta + sqrt(alpha / F) * eps, eps ~ N(0, 1), F = E_retain sum_y p(y|x) (d log p(y|x) / d theta)^2.
        The expectation is over the model's own p(y|x), not over the labels, so none are read. Where the request names
        a class, the last layer's weights of that class are reset to noise about zero.

    Reference:
        Golatkar et al., arXiv 1911.04933, whose theory has noise of variance F^(-1/2); this follows the official code,
        which has 1 / F, bounded, averaged over the inputs of a unit (of a kernel, at each place of it), and ten times
        as much in the last layer and in norms and biases.

    Differences:
        None from the official code. Its descendants decide by the number of images whether to reset a class, and then
        reset the last class when 10 % of CIFAR-10 is to be forgotten at random; they also square gradients of
        mini-batches, where the original's, like ours, are of single examples.
    """

    def unlearn(self, model: nn.Module, access: Access) -> nn.Module:
        """Add noise, once."""
        context = self.context
        last = f"{head(model)[0]}."
        draw = np.random.default_rng(context.seed_for("images for the Fisher information"))
        rows = draw.permutation(len(access.retain))[: context.count("examples") or None]
        fisher = fisher_diagonal(model, access.retain.take(rows), context.progress)
        noise = torch.Generator().manual_seed(context.seed_for("noise"))
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                is_last = name.startswith(last)
                variance = noise_variance(fisher[name], context.number("alpha"), is_last)
                if is_last and access.forget_class is not None:
                    parameter[access.forget_class] = 0.0
                    variance[access.forget_class] = AMPLIFIED * RESET_VARIANCE
                parameter.add_(variance.sqrt() * torch.randn(parameter.shape, generator=noise).to(parameter))
        return model


def noise_variance(fisher: Tensor, alpha: float, is_last: bool) -> Tensor:
    """Return the variance of the noise on one parameter tensor, shaped like its Fisher information.

    Args:
        fisher: not negative; the inputs of a unit, over which variances are averaged, lie along dimension 1.
        alpha: scale, from 0.
        is_last: whether it belongs to the layer that gives the logits.
    """
    variance = alpha * (1 / (fisher + 1e-8)).clamp(max=LARGEST_LAST if is_last else LARGEST)
    if fisher.ndim > 1:
        variance = variance.mean(1, keepdim=True).expand_as(fisher).clone()
    return AMPLIFIED * variance if is_last or fisher.ndim == 1 else variance
