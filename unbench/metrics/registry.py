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
"""Inputs of a metric, with which its `function` is called.

outputs: (RunOutputs, Model). The stored outputs of a run, and the model of it that is measured.
references: (RunOutputs, Model, References). Those and the outputs of models trained on random halves.
probes: (RunOutputs, Model, ProbeOutputs). Those and the answers of the models to probes during the run.
shadows: (ShadowOutputs, ShadowOutputs). Models trained on random halves after a method made them forget, and after
    retraining. The number belongs to the method on a data set, not to one run.
"""

ALL_MODELS: tuple[Model, ...] = ("unlearned", "original", "oracle")
"""Models of metrics of one model: the result, its starting point, and the ideal."""

AGAINST_ORACLE: tuple[Model, ...] = ("unlearned", "original", "oracle_2")
"""Models of distances to the oracle: that of the second oracle is the noise floor."""


@dataclass(frozen=True)
class Metric:
    """Record of a metric: its definition, its source, and the function that computes it.

    Attributes:
        name: as in `--metric` and in stored results.
        title: for people, with the usual abbreviation in brackets.
        definition: one or two sentences.
        formula: in plain text.
        unit: such as "percent" or "nats".
        bounds: lowest and highest possible value; may be infinite.
        ideal: a number, or "equal to the oracle".
        source: paper, with its identifier, and what differs; or "part of unbench".
        function: computes it from the inputs under `Needs`; raises MissingValue where the value is not defined.
        needs: see Needs.
        models: models of a run that it is computed of.
        interval: whether resampled outputs give it a bootstrap interval over examples.
        attack: whether it is a membership attack, which has power if it can tell doing nothing from retraining.
        slow: computed only on request, since it takes minutes on large data sets.
        version: raised when the definition changes; stored values of an older version are outdated.
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
    """Register a function as the metric with this record: the fields of Metric but `function`.

    The metric has the function's name unless the record has another.
    """

    def register(function: Callable[..., Number]) -> Callable[..., Number]:
        made = Metric(**{"name": function.__name__, "function": function, **record})
        if made.name in METRICS:
            raise ValueError(f"two metrics are called '{made.name}'")
        METRICS[made.name] = made
        return function

    return register
