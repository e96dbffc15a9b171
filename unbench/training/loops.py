"""The loops that every method shares: train from scratch by a recipe, or take steps on a given loss."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from unbench.config.cards import Training
from unbench.data.batches import Batch, Batches
from unbench.data.images import Images
from unbench.errors import DivergedError
from unbench.progress import Progress

Parameters = Iterable[Tensor] | Iterable[dict[str, Any]]


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Run a block with torch's global generators set to `seed`, and put them back afterwards."""
    devices = list(range(torch.cuda.device_count()))
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield


def make_optimizer(parameters: Parameters, recipe: Training) -> torch.optim.Optimizer:
    """Return the recipe's optimiser of `parameters` (tensors, or groups with settings of their own)."""
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(parameters, lr=recipe.lr, weight_decay=recipe.weight_decay)
    return torch.optim.SGD(
        parameters, lr=recipe.lr, momentum=recipe.momentum, weight_decay=recipe.weight_decay, nesterov=True
    )


def warmup_cosine(optimizer: torch.optim.Optimizer, warmup: int, total: int) -> torch.optim.lr_scheduler.LambdaLR:
    """Return a schedule: rates rise linearly over `warmup` steps and fall to zero on a half cosine by `total`."""

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, total - warmup)))

    return torch.optim.lr_scheduler.LambdaLR(optimizer, factor)


def by_epoch(
    optimizer: torch.optim.Optimizer, steps: int, factor: Callable[[int], float]
) -> torch.optim.lr_scheduler.LambdaLR:
    """Return a schedule for a loop that steps it after each batch: rates times `factor(e)` in epoch e = 0, 1, ...

    Args:
        steps: batches of an epoch.
    """
    return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: factor(step // steps))


def descend(
    epochs: Iterable[Iterable[object]],
    loss_of: Callable[..., Tensor],
    optimizer: torch.optim.Optimizer,
    scheduler: torch.optim.lr_scheduler.LRScheduler | None = None,
) -> None:
    """Minimise `loss_of(item)` over the items of each epoch, stepping `scheduler` after each step.

    An item is whatever `epochs` yields: a Batch, or a pair of them.

    Raises:
        DivergedError: the mean loss of an epoch is not finite.
    """
    for epoch in epochs:
        total, steps = torch.zeros(()), 0
        for item in epoch:
            loss = loss_of(item)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            if scheduler is not None:
                scheduler.step()
            total, steps = total.to(loss.device) + loss.detach(), steps + 1
        if not torch.isfinite(total):
            raise DivergedError(f"the loss is {total.item() / max(1, steps)}")


def descend_by_recipe(
    parameters: Parameters,
    batches: Batches,
    loss_of: Callable[[Batch], Tensor],
    recipe: Training,
    progress: Progress,
) -> None:
    """Minimise `loss_of` over `parameters` for the recipe's epochs, with its optimiser and its rates.

    Raises:
        DivergedError: see `descend`.
    """
    optimizer, steps = make_optimizer(parameters, recipe), len(batches)
    schedule = warmup_cosine(optimizer, round(recipe.warmup_epochs * steps), recipe.epochs * steps)
    descend(progress.track([batches] * recipe.epochs), loss_of, optimizer, schedule)


def train_classifier(
    model: nn.Module, images: Images, recipe: Training, seed: int, device: torch.device, progress: Progress
) -> nn.Module:
    """Train `model` from its present state by `recipe`, with cross-entropy; return it in eval mode."""
    batches = Batches(images, recipe.batch_size, device, seed, recipe.augment)
    model.train()
    descend_by_recipe(model.parameters(), batches, classification_loss(model), recipe, progress)
    return model.eval()


def classification_loss(model: nn.Module) -> Callable[[Batch], Tensor]:
    """Return a function of a batch: the mean cross-entropy of `model` on it."""
    return lambda batch: nn.functional.cross_entropy(model(batch.images), batch.labels)


@torch.inference_mode()
def predict(
    model: nn.Module,
    splits: Mapping[str, Images],
    device: torch.device,
    progress: Progress | None = None,
    batch_size: int = 512,
) -> dict[str, Tensor]:
    """Return logits (N, K) of each split, float32 on the CPU, in eval mode, un-augmented, in the split's order."""
    model.eval()
    supplies = {name: Batches(images, batch_size, device) for name, images in splits.items()}
    items = ((name, batch) for name, supply in supplies.items() for batch in supply)
    found: dict[str, list[Tensor]] = {name: [] for name in splits}
    total = sum(len(supply) for supply in supplies.values())
    for name, batch in (progress or Progress()).track(items, "batches", total):
        found[name].append(model(*batch.inputs).float().cpu())
    return {name: torch.cat(parts) for name, parts in found.items()}
