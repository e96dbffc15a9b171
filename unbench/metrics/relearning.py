"""Relearning and restoration: what is only hidden comes back faster than what was never there.

Relearning trains on the whole training set, the forget set included; restoration only on retained images. The oracle is
the control.
"""

from __future__ import annotations

from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from unbench.metrics.accuracy import accuracy
from unbench.metrics.attacks import comparable, loss
from unbench.metrics.classifiers import logistic_regression
from unbench.metrics.outputs import Examples, MissingValue, Model, RunOutputs
from unbench.metrics.probed import ProbeOutputs
from unbench.metrics.records import percent
from unbench.metrics.registry import AGAINST_ORACLE, Number, metric
from unbench.metrics.representation import forget_acc_from_features
from unbench.metrics.separation import separate

LOSS_LEVEL = 0.1
"""Nats, of Golatkar et al. (arXiv 1911.04933)."""

MARGIN = 5.0
"""Percent of the original's forget accuracy that may be missing, of the anamnesis index (arXiv 2201.05629)."""


def first_step(reached: NDArray[np.bool_]) -> int:
    """Return the first step at which a level is reached; raise MissingValue if it never is."""
    if not reached.any():
        raise MissingValue(f"not relearned within {len(reached) - 1} steps")
    return int(reached.argmax())


@metric(
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
    """Count the steps until the forget set is learned again."""
    return float(first_step(probes.result("relearn", model, "forget")[0] <= LOSS_LEVEL))


@metric(
    title="Anamnesis index (AIN)",
    definition="Steps until the accuracy on the forget set is within 5 % of the original's, as a multiple of the "
    "oracle's. Far below 1: remnants; far above: scars that reveal that something was forgotten.",
    formula="r(unlearned) / r(oracle), r = min {t: FA(t) >= 0.95 FA(original)}",
    unit="ratio",
    bounds=(0, np.inf),
    ideal="1",
    source="Chundawat et al., arXiv 2201.05629; Adam at 1e-3 and batches of the preset, at most 200 steps",
    needs="probes",
    models=AGAINST_ORACLE,
    interval=False,
)
def anamnesis_index(run: RunOutputs, model: Model, probes: ProbeOutputs) -> Number:
    """Return the relearning time relative to the oracle's."""
    level = (1 - MARGIN / 100) * probes.result("relearn", "original", "forget")[1][0]
    of_model, of_oracle = (
        first_step(probes.result("relearn", name, "forget")[1] >= level) for name in (model, "oracle")
    )
    if of_oracle == 0:
        raise MissingValue("the oracle is within 5 % of the original's forget accuracy before it trains")
    return of_model / of_oracle


_restoration = partial(
    percent,
    source="part of unbench, in the manner of the restorations of arXiv 2602.18505, where the control is the oracle "
    "too",
    needs="probes",
)


@_restoration(
    title="Forget accuracy after refitting the last layer",
    definition="Accuracy on the forget set of a new last layer, fitted on features of retained images alone. Above the "
    "oracle's, only the last layer had forgotten.",
    formula="accuracy of logistic regression on standardised features of at most 2,000 retained images",
)
def refit_forget_acc(run: RunOutputs, model: Model, probes: ProbeOutputs) -> Number:
    """Return the forget accuracy of a refitted last layer."""
    if len(np.unique(run.examples(model, "retain").labels[probes.arrays["retain_rows"]])) < 2:
        raise MissingValue("the retained images are all of one class")
    return forget_acc_from_features(run, model, probes, logistic_regression())


@_restoration(
    title="Forget accuracy after training on other images",
    definition="Accuracy on the forget set after one pass over as many retained images as were forgotten, and over no "
    "forgotten image. Above the oracle's, what was forgotten was still near.",
    formula="FA after ceil(|Df|/B) steps on retained images, Adam at 1e-3",
)
def restored_forget_acc(run: RunOutputs, model: Model, probes: ProbeOutputs) -> Number:
    """Return the forget accuracy after a little training on retained images."""
    return accuracy(_restored(run, model, probes, "forget"))


@_restoration(
    attack=True,
    title="Membership inference after training on other images",
    definition="The loss attack, forget against test, after the same training as restored_forget_acc: does it bring "
    "memory back?",
    formula="as mia_auroc, of the model of restored_forget_acc",
    ideal="equal to the oracle, near 50",
)
def restored_mia_auroc(run: RunOutputs, model: Model, probes: ProbeOutputs) -> Number:
    """Return the AUROC of the loss attack after a little training on retained images."""
    forget, test = (_restored(run, model, probes, part) for part in ("forget", "test"))
    test = comparable(run, test)
    return 100 * separate(loss(forget), loss(test), forget.weights, test.weights).auroc


def _restored(run: RunOutputs, model: Model, probes: ProbeOutputs, part: Literal["forget", "test"]) -> Examples:
    known = run.examples(model, part)
    return Examples(known.labels, probes.result("restored", model, part).astype(np.float32), known.weights)
