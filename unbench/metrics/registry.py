"""Metrics by name, each with the record that `unbench show metric NAME` prints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from unbench.metrics.outputs import Model, RunOutputs

Number = float | NDArray[np.float64]
"""A metric's value: a float, or one number for each of B bootstrap resamples, float64 (B,)."""

Needs = Literal["outputs", "references", "probes", "shadows"]
"""What a metric is a function of, and so what its `function` is called with.

outputs: (RunOutputs, Model). The stored outputs of a run, and which of its models is asked about.
references: (RunOutputs, Model, References). Those and the outputs of models trained on random halves.
probes: (RunOutputs, Model, ProbeOutputs). Those and what the models themselves were asked while the run was under way.
shadows: (ShadowOutputs, ShadowOutputs). Models trained on random halves after a method made them forget, and after
    retraining. The number belongs to the method on a data set, not to one run.
"""

ALL_MODELS: tuple[Model, ...] = ("unlearned", "original", "oracle")
"""For metrics of one model: what came out, what went in, and what it should be."""

AGAINST_ORACLE: tuple[Model, ...] = ("unlearned", "original", "oracle_2")
"""For distances to the oracle: the second oracle's is the noise floor."""


@dataclass(frozen=True)
class Metric:
    """A number, what it means, and where it comes from.

    Attributes:
        name: as in `--metric` and in stored results.
        title: for people, with the usual abbreviation in brackets.
        definition: one or two sentences.
        formula: in plain text.
        unit: such as "percent" or "nats".
        bounds: lowest and highest possible value; may be infinite.
        ideal: a number, or "equal to the oracle".
        source: paper, with its identifier, and what differs; or "part of unbench".
        function: raises MissingValue where the value is not defined; what it is called with is under `Needs`.
        needs: see Needs.
        models: of which models of a run it is computed.
        interval: whether it can be computed of resampled outputs, for a bootstrap interval over examples.
        attack: whether it is a membership attack, which has power where it tells doing nothing from retraining.
        slow: computed only when it is named: it takes minutes on large data sets.
        version: raised when the definition changes, so that stored values of the older one are computed again.
    """

    name: str
    title: str
    definition: str
    formula: str
    unit: str
    bounds: tuple[float, float]
    ideal: str
    source: str
    function: Callable[..., Number]
    needs: Needs = "outputs"
    models: tuple[Model, ...] = ALL_MODELS
    interval: bool = True
    attack: bool = False
    slow: bool = False
    version: int = 1

    def of(self, run: RunOutputs, model: Model, *evidence: Any) -> Number:
        """Compute the metric of a model of a run, once if it needs nothing but the outputs.

        Args:
            run: outputs as they are, or resampled.
            model: of the run.
            evidence: what the metric needs besides outputs, see Needs.

        Raises:
            MissingValue: it is not defined for these outputs.
        """
        if evidence:
            return self.function(run, model, *evidence)
        return run.once(("metric", self.name, model), lambda: self.function(run, model))


METRICS: dict[str, Metric] = {}


def metric(**record: Any) -> Callable[[Callable[..., Number]], Callable[..., Number]]:
    """Register a function as the metric with this record: the fields of Metric but `function`."""

    def register(function: Callable[..., Number]) -> Callable[..., Number]:
        made = Metric(function=function, **record)
        if made.name in METRICS:
            raise ValueError(f"two metrics are called '{made.name}'")
        METRICS[made.name] = made
        return function

    return register
