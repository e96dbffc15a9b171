"""Forget scenarios: which training images a model is asked to forget."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from unbench.config.grammar import parse_call
from unbench.errors import SpecError, UnknownNameError
from unbench.seeds import derive_seed


@dataclass(frozen=True)
class Scenario:
    """A rule that draws the forget set from the training labels.

    Attributes:
        name: as written by the user, such as "random10" or "class[label=3]".
        kind: "random" (a share of all images) or "class" (every image of one class).
        fraction: share of the training images, for "random".
        label: the class to forget, for "class"; None means drawn from the seed.
    """

    name: str
    kind: Literal["random", "class"]
    description: str
    fraction: float = 0.0
    label: int | None = None


SCENARIOS: dict[str, Scenario] = {
    "random1": Scenario("random1", "random", "1 % of the training images, drawn at random", 0.01),
    "random10": Scenario("random10", "random", "10 % of the training images, drawn at random", 0.10),
    "random50": Scenario("random50", "random", "50 % of the training images, drawn at random", 0.50),
    "class": Scenario("class", "class", "all training images of one class; class[label=3] chooses which"),
}


def parse_scenario(text: str) -> Scenario:
    """`random10`, `class` or `class[label=3]` as a Scenario; raises SpecError."""
    name, options = parse_call(text)
    if name not in SCENARIOS:
        raise UnknownNameError("scenario", name, SCENARIOS)
    scenario = SCENARIOS[name]
    if not options:
        return scenario
    if scenario.kind != "class":
        raise SpecError(f"scenario '{name}' takes no options, not '{text}'")
    for key in options:
        if key != "label":
            raise UnknownNameError("option of scenario 'class'", key, ["label"])
    if not options["label"].isdigit():
        raise SpecError(f"scenario 'class' needs a class number, not label='{options['label']}'")
    label = int(options["label"])
    return Scenario(f"class[label={label}]", "class", scenario.description, label=label)


@dataclass(frozen=True)
class ForgetDraw:
    """Positions in the training set, both sorted, disjoint, together everything."""

    forget: NDArray[np.int64]
    retain: NDArray[np.int64]
    forget_class: int | None


def draw_forget_set(scenario: Scenario, labels: NDArray[np.int64], classes: int, seed: int) -> ForgetDraw:
    """Apply `scenario` to training `labels` (N,).

    Raises:
        SpecError: the forget set would be empty or the whole training set, or the class does not exist.
    """
    rng = np.random.default_rng(derive_seed("forget set", scenario.name, seed))
    label: int | None = None
    if scenario.kind == "random":
        count = round(scenario.fraction * len(labels))
        forget = np.sort(rng.choice(len(labels), size=count, replace=False))
    else:
        label = scenario.label if scenario.label is not None else int(rng.choice(np.unique(labels)))
        if label >= classes:
            raise SpecError(f"scenario '{scenario.name}': there are {classes} classes, 0 to {classes - 1}")
        forget = np.flatnonzero(labels == label)
    if len(forget) == 0:
        raise SpecError(f"scenario '{scenario.name}' forgets none of the {len(labels)} training images")
    if len(forget) == len(labels):
        raise SpecError(f"scenario '{scenario.name}' forgets all {len(labels)} training images; nothing is left")
    retain = np.setdiff1d(np.arange(len(labels)), forget)
    return ForgetDraw(forget.astype(np.int64), retain.astype(np.int64), label)
