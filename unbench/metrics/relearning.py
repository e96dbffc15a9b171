"""Relearning: what is only hidden comes back faster than what was never there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unbench.metrics.outputs import MissingValue, Model, RunOutputs
from unbench.metrics.probed import ProbeOutputs
from unbench.metrics.registry import Number, metric

LOSS_LEVEL = 0.1
"""Nats, of Golatkar et al. (arXiv 1911.04933)."""

MARGIN = 5.0
"""Percent of the original's forget accuracy that may be missing, of the anamnesis index (arXiv 2201.05629)."""


def first_step(reached: NDArray[np.bool_]) -> int:
    """The first step at which a level is reached; raises MissingValue if it is at none."""
    if not reached.any():
        raise MissingValue(f"not relearned within {len(reached) - 1} steps")
    return int(reached.argmax())


@metric(
    name="relearn_steps",
    title="Relearning time",
    definition="Steps of training on the whole training set until the loss on the forget set is at most 0.1 nats.",
    formula="min {t: loss_f(t) <= 0.1}, Adam at 1e-3, batches of the preset, at most 200 steps",
    unit="steps",
    bounds=(0, 200),
    ideal="equal to the oracle",
    source="Golatkar et al., arXiv 1911.04933, who count epochs of 500 images with SGD",
    needs="probes",
    interval=False,
)
def relearn_steps(run: RunOutputs, model: Model, probes: ProbeOutputs) -> Number:
    """Steps until the forget set is learned again."""
    return float(first_step(probes.answer("relearn", model, "forget")[0] <= LOSS_LEVEL))


@metric(
    name="anamnesis_index",
    title="Anamnesis index (AIN)",
    definition="Steps until the accuracy on the forget set is within 5 % of the original's, as a multiple of the "
    "oracle's. Far below 1: remnants; far above: scars that give away that something was forgotten.",
    formula="r(unlearned) / r(oracle), r = min {t: FA(t) >= 0.95 FA(original)}",
    unit="ratio",
    bounds=(0, np.inf),
    ideal="1",
    source="Chundawat et al., arXiv 2201.05629; Adam at 1e-3 and batches of the preset, at most 200 steps",
    needs="probes",
    models=("unlearned", "original", "oracle_2"),
    interval=False,
)
def anamnesis_index(run: RunOutputs, model: Model, probes: ProbeOutputs) -> Number:
    """Relearning time relative to the oracle's."""
    level = (1 - MARGIN / 100) * probes.answer("relearn", "original", "forget")[1][0]
    of_model, of_oracle = (
        first_step(probes.answer("relearn", name, "forget")[1] >= level) for name in (model, "oracle")
    )
    if of_oracle == 0:
        raise MissingValue("the oracle is within 5 % of the original's forget accuracy before it trains")
    return of_model / of_oracle
