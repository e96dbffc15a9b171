"""Convolution transpose: swap rows and columns of every kernel, then fine-tune on the retain set."""

import math

import torch
from torch import nn

from unbench.methods import Access, Method, NotApplicableError, by_epoch, classification_loss, convolutions, descend


class ConvolutionTranspose(Method):
    """Fine-tuning on the retain set from a model whose kernels were turned.

    Objective:
        W <- W transposed over height and width, for every convolution W; then minimise E_retain[CE]. The rate follows
        half a cosine from epoch to epoch. 1x1 convolutions and linear layers stay as they are, so a transformer would
        only have its patch embedding turned.

    Reference:
        Fifth place of the NeurIPS 2023 unlearning competition, as in Deep Unlearn (arXiv 2410.01276).

    Differences:
        Kernels are rewritten in place and stay contiguous; the public code replaces the parameters with new ones, of
        which an optimiser made before does not know.
    """

    def unlearn(self, model: nn.Module, access: Access) -> nn.Module:
        """Turn the kernels and train on."""
        transpose_convolutions(model)
        model.train()
        retain, count = self.batches(access.retain, "retain order"), self.context.count("epochs")
        optimizer = self.sgd(model)
        schedule = by_epoch(optimizer, len(retain), lambda epoch: 0.5 * (1 + math.cos(math.pi * epoch / count)))
        descend((retain for _ in self.rounds()), classification_loss(model), optimizer, schedule)
        return model


def transpose_convolutions(model: nn.Module) -> None:
    """Swap rows and columns of every kernel of `model` in place; doing it twice changes nothing.

    Raises:
        NotApplicableError: see `convolutions`; or a kernel is not square.
    """
    found = convolutions(model)
    if any(height != width for height, width in (conv.kernel_size for conv in found)):
        raise NotApplicableError("needs square kernels, which not all convolutions of the model have")
    with torch.no_grad():
        for conv in found:
            conv.weight.copy_(conv.weight.transpose(2, 3).clone())
