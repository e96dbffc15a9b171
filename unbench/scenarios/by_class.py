"""Scenario `class`: forget every training image of one class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from unbench.errors import SpecError, UnknownNameError
from unbench.scenarios.base import Ints, Scenario


@dataclass(frozen=True)
class WholeClass(Scenario):
    """All training images of one class.

    Attributes:
        label: the class to forget; None draws it from the seed.
    """

    label: int | None = None
    kind = "class"

    def with_options(self, options: Mapping[str, str]) -> WholeClass:
        """Return the scenario that forgets the class `label`."""
        for key in options:
            if key != "label":
                raise UnknownNameError("option", key, ["label"], "of scenario 'class'")
        if not options["label"].isdecimal():
            raise SpecError(f"scenario 'class' needs a class number, not label='{options['label']}'")
        label = int(options["label"])
        return replace(self, name=f"class[label={label}]", label=label)

    def draw(self, labels: Ints, classes: int, rng: np.random.Generator) -> tuple[Ints, int | None]:
        """Find every position of the class."""
        label = self.label if self.label is not None else int(rng.choice(np.unique(labels)))
        if label >= classes:
            raise SpecError(f"scenario '{self.name}': there are {classes} classes, 0 to {classes - 1}")
        return np.flatnonzero(labels == label), label
