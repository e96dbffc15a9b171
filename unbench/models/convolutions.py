"""The convolutions of a model, for methods that rewrite their kernels."""

from __future__ import annotations

from torch import nn

from unbench.errors import NotApplicableError


def convolutions(model: nn.Module) -> list[nn.Conv2d]:
    """Return every convolution of a convolutional network, in the order of its modules.

    Raises:
        NotApplicableError: none is larger than 1x1, but for patch embeddings, which stride as far as they reach.
    """
    found = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
    if not any(conv.kernel_size != (1, 1) and conv.kernel_size != conv.stride for conv in found):
        raise NotApplicableError(
            f"needs convolutions larger than 1x1 beside a patch embedding, and {type(model).__name__} has none"
        )
    return found
