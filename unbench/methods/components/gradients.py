"""Gradients of single examples, many at once, for importances, Fisher information and influences.

Always in eval mode: with the statistics of a batch, an example's gradient would depend on its neighbours. Memory is
bounded: examples go through in chunks whose gradients fit into CHUNK_BYTES, one at a time where a model needs more.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import cross_entropy

from unbench.data.batches import Batches
from unbench.data.images import Images
from unbench.progress import Progress

Gradients = dict[str, Tensor]
"""A tensor for each parameter, by its name, in the model's order."""

Loss = Callable[[Tensor, Tensor], Tensor]
"""The loss of one example, from logits (1, K) and label (1,)."""

CHUNK_BYTES = 2**28
"""Bytes of single examples' gradients held at once; what a pass needs beside them is of the same order."""

LARGEST_CHUNK = 128
"""Examples beyond which a chunk gains nothing in speed."""

grad(torch.sum)(torch.zeros(1))  # torch loads much of itself at the first call, which must be in no method's cost


def per_example_gradients(model: nn.Module, images: Tensor, labels: Tensor, loss: Loss = cross_entropy) -> Gradients:
    """Return the gradient of each example's `loss` by each parameter, of shape (B, *parameter).

    Args:
        model: its mode and its gradients are left as they are.
        images: (B, C, S, S), normalised; B is for the caller to bound, see `chunk_size`.
        labels: (B,).
        loss: of a batch of one.
    """

    def loss_of_one(parameters: dict[str, Tensor], image: Tensor, label: Tensor) -> Tensor:
        return loss(functional_call(model, parameters, (image[None],)), label[None])

    parameters = {name: parameter.detach() for name, parameter in model.named_parameters()}
    with _examples_apart(model):
        gradients: Gradients = vmap(grad(loss_of_one), in_dims=(None, 0, 0))(parameters, images, labels)
    return gradients


def mean_over_examples(
    model: nn.Module,
    images: Images,
    size: Callable[[Tensor], Tensor],
    loss: Loss = cross_entropy,
    progress: Progress | None = None,
) -> Gradients:
    """Return E_x[size(gradient of x's loss)], each shaped like its parameter; `size` works element by element.

    With `torch.square` and cross-entropy: the diagonal of the empirical Fisher information, of the true labels.
    """
    chunks = Batches(images, chunk_size(model), _device(model))
    total = {name: torch.zeros_like(parameter) for name, parameter in model.named_parameters()}
    for chunk in (progress or Progress()).track(chunks, "chunks"):
        for name, gradients in per_example_gradients(model, chunk.images, chunk.labels, loss).items():
            total[name] += size(gradients).sum(0)
    return {name: value / len(images) for name, value in total.items()}


def fisher_diagonal(model: nn.Module, images: Images, progress: Progress | None = None) -> Gradients:
    """Return the Fisher matrix's diagonal E_x sum_y p(y|x) (d log p(y|x) / d theta)^2, shaped like the parameters.

    The expectation is over the model's own p(y|x), exactly, so labels are not read and each image costs one gradient
    per class.
    """
    limit = chunk_size(model)
    device = _device(model)
    total = {name: torch.zeros_like(parameter) for name, parameter in model.named_parameters()}
    classes = _logits(model, next(iter(Batches(images, 1, device))).images).shape[1]
    batches = Batches(images, max(1, limit // classes), device)
    for batch in (progress or Progress()).track(batches, "chunks"):
        likelihoods = _logits(model, batch.images).softmax(1)
        pairs = torch.cartesian_prod(*(torch.arange(count, device=device) for count in likelihoods.shape))
        for rows, labels in (part.unbind(1) for part in pairs.split(limit)):
            for name, gradients in per_example_gradients(model, batch.images[rows], labels).items():
                total[name] += torch.tensordot(likelihoods[rows, labels], gradients.square(), dims=1)
    return {name: value / len(images) for name, value in total.items()}


def weighted_gradient(
    model: nn.Module, images: Images, weights: Tensor, batch_size: int = 256, progress: Progress | None = None
) -> Gradients:
    """Return sum_i weights_i * (gradient of image i's cross-entropy), with `weights` (N,), in ordinary batches."""
    parameters = dict(model.named_parameters())
    total = {name: torch.zeros_like(parameter) for name, parameter in parameters.items()}
    weights = weights.to(next(model.parameters()))
    for batch in (progress or Progress()).track(Batches(images, batch_size, _device(model)), "batches"):
        with _examples_apart(model):
            losses = cross_entropy(model(batch.images), batch.labels, reduction="none")
            gradients = torch.autograd.grad(losses @ weights[batch.rows], list(parameters.values()))
        for value, gradient in zip(total.values(), gradients, strict=True):
            value += gradient
    return total


def chunk_size(model: nn.Module) -> int:
    """Return how many examples' gradients may be held at once: 1 to LARGEST_CHUNK."""
    size = sum(parameter.numel() * parameter.element_size() for parameter in model.parameters())
    return min(LARGEST_CHUNK, max(1, CHUNK_BYTES // size))


@torch.no_grad()
def _logits(model: nn.Module, images: Tensor) -> Tensor:
    with _examples_apart(model):
        logits: Tensor = model(images)
    return logits


def _device(model: nn.Module) -> torch.device:
    return next(model.parameters()).device


@contextmanager
def _examples_apart(model: nn.Module) -> Iterator[None]:
    """Set eval mode, and attention in plain steps, for a block.

    In eval mode transformer layers may take a fused path, which has no gradient; fused attention has one, but no rule
    for many examples at once, so that torch would loop over them.
    """
    modes = [(module, module.training) for module in model.modules()]
    fused = torch.backends.mha.get_fastpath_enabled()
    model.eval()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
        for module, mode in modes:
            module.training = mode
