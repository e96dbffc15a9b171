"""Adversarial images: points close to an image at which a classifier changes its mind."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

STEP = 0.1
"""Length of a step, as a share of the radius."""

Limits = tuple[float, float] | None
"""Lowest and highest legal value of an image; None for values of any range, such as a frozen backbone's maps."""


class Flips(NamedTuple):
    """The outcome of a search, image by image.

    Attributes:
        images: (B, C, S, S), each as close to the boundary as the search left it.
        labels: (B,), the model's predictions there.
        radii: (B,), of the ball around the given image that it lies in.
        found: (B,), whether that is another class than the model's for the given image.
    """

    images: Tensor
    labels: Tensor
    radii: Tensor
    found: Tensor


def find_flips(
    model: nn.Module, images: Tensor, radius: float, rounds: int, steps: int, limits: Limits = None
) -> Flips:
    """Search for the nearest change of prediction by projected gradient ascent in l2 balls that grow, untargeted.

    An image is left alone from the moment that its prediction changes. Each round has `steps` steps; from one to the
    next the radius doubles for the images that have not changed, and they go on from where they are.

    Args:
        model: in eval mode; its gradients are not touched.
        images: (B, C, S, S), as the model reads them.
        radius: of the first ball, in the units of `images`.
        rounds: balls tried, of radius * (1, 2, 4, ...).
        limits: values that an image may have.
    """
    start = _predict(model, images)
    nearby, labels = images.clone(), start.clone()
    radii = torch.full((len(images),), radius, device=images.device)
    for step in range(rounds * steps):
        left = (labels == start).nonzero()[:, 0]
        if not len(left):
            break
        if step and step % steps == 0:
            radii[left] *= 2
        gradient = _gradient(model, nearby[left], start[left])
        shift = nearby[left] + _scaled_to(gradient, STEP * radii[left]) - images[left]
        shift = _scaled_to(shift, torch.minimum(_norms(shift), radii[left]))
        nearby[left] = _clamped(images[left] + shift, limits)
        labels[left] = _predict(model, nearby[left])
    return Flips(nearby, labels, radii, labels != start)


def fgsm(model: nn.Module, images: Tensor, labels: Tensor, step: float, limits: Limits = None) -> Tensor:
    """Move images (B, C, S, S) by `step` in each value, the way that raises the loss of their labels (B,).

    Fast gradient sign method (Goodfellow et al., arXiv 1412.6572).

    Args:
        model: classifier, in the mode in which it is to be attacked.
        images, labels: normalised images and the labels to move away from.
        step: in the units of `images`.
        limits: values that an image may have.
    """
    return _clamped(images.detach() + step * _gradient(model, images, labels).sign(), limits)


def log_odds_against(logits: Tensor, labels: Tensor) -> Tensor:
    """Return log((1 - p_y) / p_y) (B,) from logits (B, K) and labels (B,).

    Image by image its gradient has the direction of cross-entropy's, which underflows to zero where a model is sure.
    """
    own = labels[:, None]
    return logits.scatter(1, own, -torch.inf).logsumexp(1) - logits.gather(1, own)[:, 0]


def _gradient(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    with torch.enable_grad():
        images = images.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(log_odds_against(model(images), labels).sum(), images)
    return gradient


def _clamped(images: Tensor, limits: Limits) -> Tensor:
    return images if limits is None else images.clamp(*limits)


def _scaled_to(vectors: Tensor, lengths: Tensor) -> Tensor:
    """Return the same directions with other lengths (B,); zero stays zero."""
    return vectors * (lengths / _norms(vectors).clamp_min(torch.finfo(vectors.dtype).tiny))[:, None, None, None]


def _norms(vectors: Tensor) -> Tensor:
    return vectors.flatten(1).norm(dim=1)


@torch.no_grad()
def _predict(model: nn.Module, images: Tensor) -> Tensor:
    return model(images).argmax(1)
