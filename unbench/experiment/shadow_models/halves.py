"""The half of the training set that each shadow model sees, and the targets that all of them are asked to forget."""

from __future__ import annotations

import numpy as np

from unbench.data.images import Dataset, Ints
from unbench.experiment.splits import FrozenSplit
from unbench.scenarios import Scenario, draw_forget_set
from unbench.seeds import derive_seed, digest

TARGET_SEED = 2000
"""Seed of the targets: neither that of reported forget sets (0, 1, 2, ...) nor that of tuning."""


def half(data: Dataset, number: int) -> Ints:
    """Return the positions in `Dataset.train` that shadow model `number` is trained on, sorted.

    Models 2i and 2i + 1 have complementary halves, so that of an even number of models exactly half saw an image.
    """
    size = len(data.train)
    order = np.random.default_rng(derive_seed("shadow half", data.name, number // 2)).permutation(size)
    return np.sort(order[: size // 2] if number % 2 == 0 else order[size // 2 :])


def shadow_split(data: Dataset, scenario: Scenario, number: int) -> FrozenSplit:
    """Divide the half of model `number`: it forgets the targets that it saw.

    The targets are drawn like any forget set of the scenario and are the same for all models.

    Raises:
        SpecError: the scenario is impossible on these data.
    """
    targets = draw_forget_set(scenario, data.train.labels, len(data.classes), TARGET_SEED)
    seen = half(data, number)
    forget = np.intersect1d(seen, targets.forget)
    retain = np.setdiff1d(seen, targets.forget)
    ids = [data.train.ids[rows].tolist() for rows in (retain, forget)]
    return FrozenSplit(retain, forget, targets.forget_class, digest([data.fingerprint, *ids]))
