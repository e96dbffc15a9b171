"""Scenario `random`: forget a share of the training images."""

from dataclasses import dataclass

import numpy as np

from unbench.scenarios.base import Ints, Scenario


@dataclass(frozen=True)
class RandomShare(Scenario):
    """A share of the training images, drawn without regard to their classes.

    Attributes:
        fraction: that share, between 0 and 1.
    """

    fraction: float
    kind = "random"

    def draw(self, labels: Ints, classes: int, rng: np.random.Generator) -> tuple[Ints, int | None]:
        """Draw round(fraction * N) positions without replacement."""
        count = round(self.fraction * len(labels))
        return np.sort(rng.choice(len(labels), size=count, replace=False)), None
