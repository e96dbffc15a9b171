"""Loss-free selective synaptic dampening: the same without labels."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from unbench.data.images import Images
from unbench.methods.components.gradients import Gradients, mean_over_examples
from unbench.methods.ssd import SelectiveSynapticDampening


class LossFreeDampening(SelectiveSynapticDampening):
    """Selective synaptic dampening with I = E_x |d ||z(x)||_2^2 / d theta|: how the logits z depend on a parameter.

    Foster et al., arXiv 2402.19308; the importance is that of memory-aware synapses (Aljundi et al., arXiv 1711.09601),
    of single examples as there, where the official code takes that of a mini-batch's mean, in which gradients of
    opposite signs cancel. No label is read. What is said of alpha in selective synaptic dampening holds here too.
    """

    def importance(self, model: nn.Module, images: Images) -> Gradients:
        """How much the length of the logits on `images` depends on each parameter."""
        return mean_over_examples(model, images, torch.abs, squared_length, self.context.progress)


def squared_length(logits: Tensor, label: Tensor) -> Tensor:
    """||z||_2^2; the label plays no part."""
    return logits.square().sum()
