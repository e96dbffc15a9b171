"""Boundary shrink: give each image to forget to the class across its nearest boundary."""

import numpy as np
import torch
from torch import nn

from unbench.methods import Access, Batches, Images, Ints, Method, classification_loss, descend, fgsm

PIXEL_LIMITS = (-1.0, 1.0)
"""Black and white after normalisation."""


class BoundaryShrink(Method):
    """Fine-tuning of the forget set towards the class on the other side of the nearest boundary.

    Objective:
        Minimise E_forget[CE(f(x), y')] with y' = argmax f0(x + step * sign(grad_x CE(f0(x), y))), f0 the original. An
        image whose neighbour is its own class keeps its label, and batch-norm statistics drift to the forget set, both
        as in the public code.

    Reference:
        Chen et al., Boundary Unlearning (arXiv 2303.11570), proposed for whole classes.

    Differences:
        The neighbour y' is found once per image, on the image itself; the public code finds it again for each batch,
        which is the same without augmentation. That code also undoes the normalisation with other constants than it
        normalised with, so that its step of 0.1 is one of 0.25 of the pixel range; here it is the 0.1 that the paper
        states.
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
        epochs = self.epochs(forget.relabelled(neighbours), "forget order")
        descend(epochs, classification_loss(model), self.sgd(model))
        return model

    def neighbours(self, model: nn.Module, images: Images) -> Ints:
        """Return the class (N,) that `model`, in eval mode, predicts for each image one step away from its label."""
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
