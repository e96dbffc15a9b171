"""The step that everything else is for: a method makes a trained model forget, seeded, measured and checked."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from unbench.config.reference_names import NOTHING
from unbench.data.batches import first_batch
from unbench.data.images import Dataset
from unbench.experiment.reference_models import PartLogits, ReferenceModel, predict_parts
from unbench.experiment.splits import FrozenSplit
from unbench.methods.base import Access, Method
from unbench.training.cost import Cost, measured, warm_up
from unbench.training.loops import seeded


@dataclass(frozen=True)
class Unlearned:
    """Outcome of unlearning.

    Attributes:
        model: after unlearning, in eval mode; None if it stayed in another process.
        logits: of the whole model, under "", and of each of its pathways.
        cost: of unlearning alone.
        deployment: running costs as the method states them.
        warnings: what a reader of the numbers should know.
    """

    model: nn.Module | None
    logits: PartLogits
    cost: Cost
    deployment: dict[str, int | float | str]
    warnings: list[str]


def forget(
    method: Method,
    original: ReferenceModel,
    split: FrozenSplit,
    data: Dataset,
    begin: Callable[[], None] = lambda: None,
    end: Callable[[], None] = lambda: None,
) -> Unlearned:
    """Make a fresh copy of `original` forget the forget set of `split`, handing the method what its card declares.

    Args:
        method, original, split, data: what to do.
        begin, end: called right before and right after unlearning.

    Raises:
        DivergedError: the model's outputs are not finite afterwards.
        Exception: whatever the method raises.
    """
    card, device = method.context.card, method.context.device
    gone, kept = split.forgotten(data), split.retained(data)
    access = Access(card, gone.ids, gone, kept, data.val, split.forget_class)
    model = original.load(method)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    batch = first_batch(gone, method.context.preset.training.batch_size, device)
    warm_up(model, batch)
    # Seeded, for methods that draw from torch's global generator rather than from one of their own.
    with seeded(method.context.seed_for("unlearning")), measured(device, begin) as cost:
        model = method.unlearn(model, access).eval()
    end()
    logits = predict_parts(model, method, data, "the unlearned model gives")
    warnings, after = list(method.warnings), model.state_dict()
    same = after.keys() == before.keys() and all(torch.equal(after[name], before[name]) for name in before)
    if same and card.name != NOTHING:
        warnings.append("unlearning changed nothing in the model")
    return Unlearned(model, logits, cost, method.deployment_costs(model, batch, len(gone)), warnings)
