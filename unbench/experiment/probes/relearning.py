"""How fast a model learns what it forgot, and whether it comes back with training on other images."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy

import torch
from torch import Tensor, nn

from unbench.data.batches import Batch, Batches
from unbench.data.images import Images
from unbench.errors import NotApplicableError
from unbench.metrics.relearning import LOSS_LEVEL, MARGIN
from unbench.training.loops import predict

LEARNING_RATE = 1e-3
"""Of Adam, as in the code of the anamnesis index (arXiv 2210.08196)."""


def relearning_curve(
    model: nn.Module, images: Images, forget: Images, steps: int, batch_size: int, seed: int, device: torch.device
) -> Tensor:
    """Mean loss in nats and accuracy in percent on `forget` before each step on `images` and after the last.

    Ends early where the loss is low and the accuracy high enough for every metric of it (unbench.metrics.relearning).
    Trains a copy of `model` in eval mode: no dropout, and batch norm keeps the statistics that it has, so that the
    curve is about the weights.

    Returns:
        float32 (2, T), T at most steps + 1: losses, accuracies.

    Raises:
        NotApplicableError: the model has no weights that a gradient reaches.
    """
    trainee, points = _Trainee(model), []
    points.append(_on(trainee.model, forget, device))
    for batch in _steps(images, steps, batch_size, seed, device):
        loss, accuracy = points[-1]
        if loss <= LOSS_LEVEL and accuracy >= 100 - MARGIN:
            break
        trainee.step(batch)
        points.append(_on(trainee.model, forget, device))
    return torch.tensor(points).T.contiguous()


def trained_on(
    model: nn.Module, images: Images, steps: int, batch_size: int, seed: int, device: torch.device
) -> nn.Module:
    """A copy of `model` after some steps on `images`; raises NotApplicableError as `relearning_curve`."""
    trainee = _Trainee(model)
    for batch in _steps(images, steps, batch_size, seed, device):
        trainee.step(batch)
    return trainee.model


class _Trainee:
    """A copy of a model in eval mode, and an optimiser of its own."""

    def __init__(self, model: nn.Module) -> None:
        self.model = deepcopy(model).eval()
        if not any(parameter.requires_grad for parameter in self.model.parameters()):
            raise NotApplicableError("the model has no weights to train")
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=LEARNING_RATE)

    def step(self, batch: Batch) -> None:
        """Descend the cross-entropy on one batch."""
        loss = nn.functional.cross_entropy(self.model(*batch.inputs), batch.labels)
        if not loss.requires_grad:
            raise NotApplicableError("no gradient reaches the weights of the model")
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()


def _steps(images: Images, steps: int, batch_size: int, seed: int, device: torch.device) -> Iterator[Batch]:
    """That many batches, over as many epochs as it takes."""
    batches = Batches(images, batch_size, device, seed)
    while steps > 0:
        for batch in batches:
            if steps == 0:
                return
            steps -= 1
            yield batch


def _on(model: nn.Module, images: Images, device: torch.device) -> tuple[float, float]:
    logits, labels = predict(model, {"all": images}, device)["all"], torch.from_numpy(images.labels)
    right = (logits.argmax(1) == labels).float().mean()
    return float(nn.functional.cross_entropy(logits, labels)), 100 * float(right)
