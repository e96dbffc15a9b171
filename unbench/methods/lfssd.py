"""Loss-free selective synaptic dampening: the same without labels."""

import torch
from torch import Tensor, nn

from unbench.methods import Gradients, Images, mean_over_examples
from unbench.methods.ssd import SelectiveSynapticDampening


class LossFreeDampening(SelectiveSynapticDampening):
    """Selective synaptic dampening by how the logits z, and not the loss, depend on a parameter.

    Objective:
        As in selective synaptic dampening, with I = E_x |d ||z(x)||_2^2 / d theta|. No label is read.

    Reference:
        Foster et al., arXiv 2402.19308; the importance is that of memory-aware synapses (Aljundi et al., arXiv
        1711.09601), of single examples as there.

    Differences:
        The official code takes the importance of a mini-batch's mean, in which gradients of opposite signs cancel. What
        is written about alpha in selective synaptic dampening holds here too.
    """

    def importance(self, model: nn.Module, images: Images) -> Gradients:
        """Return how much the length of the logits on `images` depends on each parameter."""
        return mean_over_examples(model, images, torch.abs, squared_length, self.context.progress)


def squared_length(logits: Tensor, label: Tensor) -> Tensor:
    """Return ||z||_2^2; the label plays no part."""
    return logits.square().sum()
