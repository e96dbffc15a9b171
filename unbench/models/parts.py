"""The parts of a classifier that several methods need: its last layer, the features before it, its convolutions."""

from copy import deepcopy

from torch import Tensor, nn

from unbench.errors import NotApplicableError


def head(model: nn.Module) -> tuple[str, nn.Linear]:
    """Return name and module of the last layer, whose outputs are the logits.

    Raises:
        NotApplicableError: the model does not end in a linear layer called `head` or `fc`.
    """
    for name in ("head", "fc"):
        layer = getattr(model, name, None)
        if isinstance(layer, nn.Linear):
            return name, layer
    raise NotApplicableError(f"needs a model that ends in a linear layer, which {type(model).__name__} does not")


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


def features_and_logits(model: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    """Return what the last layer reads (B, D) and the logits (B, K) of one pass; gradients flow through both."""
    seen: list[Tensor] = []
    hook = head(model)[1].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    try:
        logits: Tensor = model(images)
    finally:
        hook.remove()
    return seen[0], logits


def frozen_copy(model: nn.Module) -> nn.Module:
    """Return a copy that stays as it is, such as a teacher: in eval mode, without gradients."""
    return deepcopy(model).requires_grad_(False).eval()
