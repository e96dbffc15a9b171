"""Adversarial images: points close to an image at which a classifier changes its mind."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

STEP = 0.1
"""Length of a step, as a share of the radius."""


class Flips(NamedTuple):
    """What a search came to, image by image.

    Attributes:
        images: (B, C, S, S), each as close to the boundary as the search left it.
        labels: (B,), what the model predicts there.
        radii: (B,), of the ball around the given image that it lies in.
        found: (B,), whether that is another class than the model's for the given image.
    """

    images: Tensor
    labels: Tensor
    radii: Tensor
    found: Tensor


def find_flips(
    model: nn.Module,
    images: Tensor,
    radius: float,
    rounds: int,
    steps: int,
    limits: tuple[float, float] | None = None,
) -> Flips:
    """Untargeted projected gradient ascent in l2 balls that grow until the model predicts another class.

    An image is left alone from the moment that its prediction changes. Each round has `steps` steps; from one to the
    next the radius doubles for the images that have not changed, and they go on from where they are.

    Args:
        model: in eval mode; its gradients are not touched.
        images: (B, C, S, S), as the model reads them.
        radius: of the first ball, in the units of `images`.
        rounds: balls tried, of radius * (1, 2, 4, ...).
        limits: values that an image may have; None for any.
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
        nearby[left] = _ascend(model, images[left], nearby[left], start[left], radii[left], limits)
        labels[left] = _predict(model, nearby[left])
    return Flips(nearby, labels, radii, labels != start)


def fgsm(
    model: nn.Module, images: Tensor, labels: Tensor, step: float, limits: tuple[float, float] | None = None
) -> Tensor:
    """Images (B, C, S, S) moved by `step` in each value, the way that raises the loss of their labels (B,).

    Fast gradient sign method (Goodfellow et al., arXiv 1412.6572).

    Args:
        model: classifier, in the mode in which it is to be attacked.
        images, labels: normalised images and the labels to move away from.
        step: in the units of `images`.
        limits: lowest and highest legal value; None for values of any range, such as a stem's maps.
    """
    with torch.enable_grad():
        images = images.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(log_odds_against(model(images), labels).sum(), images)
    moved = images.detach() + step * gradient.sign()
    return moved if limits is None else moved.clamp(*limits)


def log_odds_against(logits: Tensor, labels: Tensor) -> Tensor:
    """log((1 - p_y) / p_y) (B,) from logits (B, K) and labels (B,).

    Image by image its gradient has the direction of cross-entropy's, which underflows to zero where a model is sure.
    """
    own = labels[:, None]
    return logits.scatter(1, own, -torch.inf).logsumexp(1) - logits.gather(1, own)[:, 0]


def _ascend(
    model: nn.Module,
    images: Tensor,
    nearby: Tensor,
    labels: Tensor,
    radii: Tensor,
    limits: tuple[float, float] | None,
) -> Tensor:
    nearby = nearby.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(log_odds_against(model(nearby), labels).sum(), nearby)
    shift = nearby.detach() + _scaled_to(gradient, STEP * radii) - images
    shift = _scaled_to(shift, torch.minimum(_norms(shift), radii))
    return images + shift if limits is None else (images + shift).clamp(*limits)


def _scaled_to(vectors: Tensor, lengths: Tensor) -> Tensor:
    """The same directions with other lengths (B,); zero stays zero."""
    return vectors * (lengths / _norms(vectors).clamp_min(torch.finfo(vectors.dtype).tiny))[:, None, None, None]


def _norms(vectors: Tensor) -> Tensor:
    return vectors.flatten(1).norm(dim=1)


@torch.no_grad()
def _predict(model: nn.Module, images: Tensor) -> Tensor:
    return model(images).argmax(1)
