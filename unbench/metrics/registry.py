"""Metrics by name, each with the record that `unbench list metrics` prints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from unbench.metrics.outputs import Model, RunOutputs

Function = Callable[[RunOutputs, Model], float]


@dataclass(frozen=True)
class Metric:
    """A number read off the outputs of one model of a run, and what it means.

    `function` raises MissingValue where the outputs do not allow it.
    """

    name: str
    title: str
    definition: str
    formula: str
    unit: str
    bounds: tuple[float, float]
    ideal: str
    function: Function


METRICS: dict[str, Metric] = {}


def metric(
    *,
    name: str,
    title: str,
    definition: str,
    formula: str,
    unit: str,
    bounds: tuple[float, float],
    ideal: str,
) -> Callable[[Function], Function]:
    """Register a function of (run outputs, model) under `name`."""

    def register(function: Function) -> Function:
        if name in METRICS:
            raise ValueError(f"two metrics are called '{name}'")
        METRICS[name] = Metric(name, title, definition, formula, unit, bounds, ideal, function)
        return function

    return register
