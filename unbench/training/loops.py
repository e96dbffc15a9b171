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
from unbench.training.checkpoints import Checkpoint, Part

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
        parameters,
        lr=recipe.lr,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
        nesterov=recipe.nesterov and recipe.momentum > 0,
    )


def recipe_schedule(
    optimizer: torch.optim.Optimizer, recipe: Training, steps: int
) -> torch.optim.lr_scheduler.LambdaLR:
    """Return the recipe's schedule, stepped after each batch: rates rise linearly in the warm-up, then fall.

    Args:
        steps: batches of an epoch.
    """
    warmup, total = round(recipe.warmup_epochs * steps), recipe.epochs * steps

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        done = (step - warmup) / max(1, total - warmup)
        if recipe.schedule == "steps":
            return recipe.gamma ** sum(step >= epoch * steps for epoch in recipe.milestones)
        return 0.5 * (1 + math.cos(math.pi * done)) if recipe.schedule == "cosine" else 1 - done

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
    checkpoint: Checkpoint | None = None,
    parts: Mapping[str, Part] = {},
) -> None:
    """Minimise `loss_of` over `parameters` for the recipe's epochs, with its optimiser and its rates.

    Args:
        checkpoint: from which the training goes on if it was killed.
        parts: what changes in an epoch besides the optimiser and the order of `batches`, such as the model.

    Raises:
        DivergedError: see `descend`.
        StoreError: a checkpoint cannot be written.
    """
    optimizer = make_optimizer(parameters, recipe)
    schedule = recipe_schedule(optimizer, recipe, len(batches))
    order = {} if batches.generator is None else {"order": batches.generator}
    state: dict[str, Part] = {**parts, **order, "optimizer": optimizer, "schedule": schedule}
    epochs = (checkpoint or Checkpoint()).epochs(batches, recipe.epochs, state)
    descend(progress.track(epochs, total=recipe.epochs), loss_of, optimizer, schedule)


def train_classifier(
    model: nn.Module,
    images: Images,
    recipe: Training,
    seed: int,
    device: torch.device,
    progress: Progress,
    checkpoint: Checkpoint | None = None,
) -> nn.Module:
    """Train `model` from its present state by `recipe`, with cross-entropy; return it in eval mode."""
    batches = Batches(images, recipe.batch_size, device, seed, recipe.augment, recipe.padding)
    model.train()
    loss = classification_loss(model, recipe.label_smoothing)
    descend_by_recipe(model.parameters(), batches, loss, recipe, progress, checkpoint, {"model": model})
    return model.eval()


def classification_loss(model: nn.Module, label_smoothing: float = 0.0) -> Callable[[Batch], Tensor]:
    """Return a function of a batch: the mean cross-entropy of `model` on it."""
    return lambda batch: nn.functional.cross_entropy(model(batch.images), batch.labels, label_smoothing=label_smoothing)


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
