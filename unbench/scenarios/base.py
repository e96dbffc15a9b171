"""The contract of a scenario, and the draw of a forget set."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from unbench.config.seeds import derive_seed
from unbench.errors import SpecError

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Scenario(ABC):
    """A rule that draws the forget set from the training labels.

    Attributes:
        name: as the user writes it, such as "random10" or "class[label=3]"; seeds, keys and file names contain it.
        description: one line for `unbench list scenarios`.
        kind: what cards of methods and data sets call scenarios of this class.
    """

    name: str
    description: str
    kind: ClassVar[str]

    def with_options(self, options: Mapping[str, str]) -> Scenario:
        """Return this scenario with options set; raise SpecError if it has no such option."""
        raise SpecError(f"scenario '{self.name}' takes no options, but got '{', '.join(options)}'")

    @abstractmethod
    def draw(self, labels: Ints, classes: int, rng: np.random.Generator) -> tuple[Ints, int | None]:
        """Draw the forget set.

        Args:
            labels: of the training images, (N,).
            classes: number of classes of the data set.
            rng: the only source of randomness.

        Returns:
            Sorted positions in `labels`, and the class that is forgotten, or None if it is not one class.
        """


@dataclass(frozen=True)
class ForgetDraw:
    """Positions in the training set: both arrays sorted, disjoint, and together all of it."""

    forget: Ints
    retain: Ints
    forget_class: int | None


def draw_forget_set(scenario: Scenario, labels: Ints, classes: int, seed: int) -> ForgetDraw:
    """Apply `scenario` to training `labels` (N,).

    Raises:
        SpecError: the forget set would be empty or the whole training set, or the class does not exist.
    """
    rng = np.random.default_rng(derive_seed("forget set", scenario.name, seed))
    forget, label = scenario.draw(labels, classes, rng)
    if len(forget) == 0:
        raise SpecError(f"scenario '{scenario.name}' forgets none of the {len(labels)} training images")
    if len(forget) == len(labels):
        raise SpecError(f"scenario '{scenario.name}' forgets all {len(labels)} training images; nothing is left")
    retain = np.setdiff1d(np.arange(len(labels)), forget)
    return ForgetDraw(forget.astype(np.int64), retain.astype(np.int64), label)
