"""Forget scenarios: which training images a model is asked to forget. One file each."""

from unbench.config.grammar import parse_call
from unbench.errors import UnknownNameError
from unbench.scenarios.base import ForgetDraw, Scenario, draw_forget_set
from unbench.scenarios.by_class import WholeClass
from unbench.scenarios.random import RandomShare

__all__ = ["SCENARIOS", "ForgetDraw", "Scenario", "draw_forget_set", "parse_scenario"]

_KNOWN: tuple[Scenario, ...] = (
    *(RandomShare(f"random{p}", f"{p} % of the training images, drawn at random", p / 100) for p in (1, 10, 50)),
    WholeClass("class", "all training images of one class; class[label=3] chooses which"),
)
SCENARIOS = {scenario.name: scenario for scenario in _KNOWN}


def parse_scenario(text: str) -> Scenario:
    """Return the scenario that `random10`, `class` or `class[label=3]` names; raise SpecError if there is none."""
    name, options = parse_call(text)
    if name not in SCENARIOS:
        raise UnknownNameError("scenario", name, SCENARIOS)
    return SCENARIOS[name].with_options(options) if options else SCENARIOS[name]
