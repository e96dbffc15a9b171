"""Boundary shrink: give each image to forget to the class across its nearest boundary."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from unbench.data.batches import Batches
from unbench.data.images import Images, Ints
from unbench.methods.base import Access, Method
from unbench.methods.components.adversarial import fgsm
from unbench.training.loops import classification_loss, descend

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
