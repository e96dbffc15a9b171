"""A model's answers about images that it was not trained on, which those on the forget set should come to resemble."""

import numpy as np
import torch
from torch import Tensor, nn

from unbench.data.images import Images, Ints
from unbench.training.loops import predict


class HeldOutAnswers:
    """A model's posteriors on held-out images, in eval mode and un-augmented, and the rows of each class.

    For a class without a held-out image, all held-out images stand in.

    Attributes:
        posteriors: (H, K), on `device`; they stay when the model changes.
        missing: the classes without a held-out image.
    """

    def __init__(self, model: nn.Module, images: Images, classes: int, device: torch.device) -> None:
        self.posteriors = predict(model, {"held out": images}, device)["held out"].softmax(1).to(device)
        rows = [np.flatnonzero(images.labels == label) for label in range(classes)]
        self.missing = [label for label in range(classes) if not len(rows[label])]
        self._rows = [own if len(own) else np.arange(len(images)) for own in rows]

    def __len__(self) -> int:
        return len(self.posteriors)

    def of_class(self, label: int) -> Ints:
        """Return the rows of the held-out images of a class."""
        return self._rows[label]

    def stand_ins(self, labels: Ints) -> str:
        """Return a warning about the classes among `labels` that have no held-out image; empty if all have."""
        absent = sorted(set(self.missing) & set(labels.tolist()))
        listed = ", ".join(map(str, absent))
        return f"no held-out image has a label of {listed}: all held-out images stand in" if absent else ""

    def mean(self, rows: Ints) -> Tensor:
        """Return the mean posterior (K,) of some rows."""
        return self.posteriors[torch.from_numpy(rows).to(self.posteriors.device)].mean(0)
