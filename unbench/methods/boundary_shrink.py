"""Boundary shrink: give each image to forget to the class across its nearest boundary."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from unbench.batches import Batches
from unbench.data.images import Images, Ints
from unbench.methods.base import Access, Method
from unbench.training import classification_loss, descend

PIXEL_LIMITS = (-1.0, 1.0)
"""Black and white after normalisation."""


class BoundaryShrink(Method):
    """Minimise E_forget[CE(f(x), y')] with y' = argmax f0(x + step * sign(grad_x CE(f0(x), y))), f0 the original.

    Chen et al., Boundary Unlearning (arXiv 2303.11570), proposed for whole classes. The neighbour y' is found once per
    image, on the image itself; the public code finds it again for each batch, which is the same without augmentation.
    That code also undoes the normalisation with other constants than it normalised with, so that its step of 0.1 is one
    of 0.25 of the pixel range; here it is the 0.1 that the paper states. As there, an image whose neighbour is its own
    class keeps its label, and batch-norm statistics drift to the forget set.
    """

    def unlearn(self, model: nn.Module, access: Access) -> nn.Module:
        """Fine-tune on the forget set under its neighbours' labels."""
        forget = access.forget
        neighbours = self.neighbours(model, forget)
        unmoved = float(np.mean(neighbours == forget.labels))
        if unmoved > 0.5:
            self.warn(
                f"{unmoved:.0%} of the images to forget keep their own class as nearest neighbour: step too short"
            )
        model.train()
        epochs = [self.batches(forget.relabelled(neighbours), "forget order")] * self.context.count("epochs")
        descend(self.context.progress.track(epochs), classification_loss(model), self.sgd(model))
        return model

    def neighbours(self, model: nn.Module, images: Images) -> Ints:
        """The class (N,) that `model`, in eval mode, sees in each image after one step away from its label."""
        context = self.context
        model.eval()
        step = context.number("step") * (PIXEL_LIMITS[1] - PIXEL_LIMITS[0])
        limits = None if context.preset.stem else PIXEL_LIMITS
        batches = Batches(images, context.preset.training.batch_size, context.device)
        with torch.no_grad():
            found = [
                model(fgsm(model, batch.images, batch.labels, step, limits)).argmax(1).cpu()
                for batch in context.progress.track(batches, "batches")
            ]
        return torch.cat(found).numpy()


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
        logits, own = model(images), labels[:, None]
        # The log-odds against the label: their gradient has the sign of cross-entropy's, which underflows to zero where
        # the model is sure.
        against = logits.scatter(1, own, -torch.inf).logsumexp(1) - logits.gather(1, own)[:, 0]
        (gradient,) = torch.autograd.grad(against.sum(), images)
    moved = images.detach() + step * gradient.sign()
    return moved if limits is None else moved.clamp(*limits)
