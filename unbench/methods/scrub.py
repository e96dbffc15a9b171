"""SCRUB: away from the teacher on the forget set, towards it on the retain set; and its rewinding."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from unbench.methods import (
    Access,
    Batch,
    Images,
    Method,
    NotApplicableError,
    classification_loss,
    descend,
    divergence,
    frozen_copy,
    predict,
)


class Scrub(Method):
    """Distance from the original on the forget set, closeness to it on the retain set, in turns.

    Objective:
        Maximise d on the forget set, minimise gamma * CE + alpha * d on the retain set, in turns, with
        d = T^2 * KL(original || student) at temperature T, mean over the batch. The first `max_epochs` epochs are a max
        pass and then a min pass, the others a min pass alone, all by one optimiser: it always ends with min steps. With
        `rewind`, the result is the epoch whose forget error is closest to the last model's error on held-out images.
        These count by class as the forget set does; for a class to forget that is the official code's plain error on
        its held-out images.

    Reference:
        Kurmanji et al., arXiv 2302.09880.

    Differences:
        The rate falls to a tenth once, after `decay_after` epochs; that of the official code again after epochs 5 and
        9, which its own runs hardly reach. That code counts the original among the epochs to rewind to; here it is no
        candidate, for choosing it would be no unlearning. Re-implementations take one max pass too many (RUM), or
        ignore the size of the forget batches (Deep Unlearn), which sets how many max steps there are.
    """

    def unlearn(self, model: nn.Module, access: Access) -> nn.Module:
        """Alternate between max and min passes; then rewind, if asked to."""
        context = self.context
        rewind = bool(context.hparams["rewind"])
        if rewind and not np.isin(access.held_out.labels, access.forget.labels).any():
            raise NotApplicableError("rewinding needs held-out images of a class to forget, and there are none")
        teacher = frozen_copy(model)
        optimizer = self.sgd(model)
        schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [context.count("decay_after")], gamma=0.1)
        forget = self.batches(access.forget, "forget order", context.count("forget_batch_size"))
        retain = self.batches(access.retain, "retain order")
        loss_of = classification_loss(model)
        alpha, gamma, temperature = (context.number(name) for name in ("alpha", "gamma", "temperature"))

        def distance(batch: Batch) -> Tensor:
            return temperature**2 * divergence(teacher(batch.images), model(batch.images), temperature)

        def away(batch: Batch) -> Tensor:
            return -distance(batch)

        def near(batch: Batch) -> Tensor:
            loss = gamma * loss_of(batch)
            return loss + alpha * distance(batch) if alpha else loss

        checkpoints: list[dict[str, Tensor]] = []
        errors: list[float] = []
        for epoch in self.rounds():
            model.train()
            if epoch < context.count("max_epochs"):
                descend([forget], away, optimizer)
            descend([retain], near, optimizer)
            schedule.step()
            if rewind:
                checkpoints.append({name: value.to("cpu", copy=True) for name, value in model.state_dict().items()})
                errors.append(self.error(model, access.forget, access.forget))
        if rewind:
            model.load_state_dict(checkpoints[closest(errors, self.error(model, access.held_out, access.forget))])
        return model

    def error(self, model: nn.Module, images: Images, like: Images) -> float:
        """Return the error of `model` on `images`, in [0, 1], each class weighted by its share of `like`.

        Classes of `like` without images are left out.
        """
        logits = predict(model, {"images": images}, self.context.device)["images"]
        wrong = logits.argmax(1).numpy() != images.labels
        classes, counts = np.unique(like.labels[np.isin(like.labels, images.labels)], return_counts=True)
        return float(np.average([wrong[images.labels == label].mean() for label in classes], weights=counts))


def closest(errors: Sequence[float], reference: float) -> int:
    """Return the position of the error closest to `reference`; of equals the last, which had most steps of repair."""
    return min(range(len(errors)), key=lambda k: (abs(errors[k] - reference), -k))
