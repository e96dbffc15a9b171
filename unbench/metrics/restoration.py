"""Restoration: does knowledge of the forgotten images come back without them? The oracle is the control."""

from __future__ import annotations

from typing import Literal

import numpy as np

from unbench.metrics.accuracy import accuracy
from unbench.metrics.attacks import comparable, loss
from unbench.metrics.outputs import Examples, MissingValue, Model, RunOutputs
from unbench.metrics.probed import ProbeOutputs
from unbench.metrics.registry import Number, metric
from unbench.metrics.representation import forget_acc_from_features
from unbench.metrics.separation import separate

_SOURCE = "part of unbench, in the manner of the restorations of arXiv 2602.18505, where the control is the oracle too"


@metric(
    name="refit_forget_acc",
    title="Forget accuracy after refitting the last layer",
    definition="Accuracy on the forget set of a new last layer, fitted on features of retained images alone. Above the "
    "oracle's: only the last layer had forgotten.",
    formula="accuracy of logistic regression on standardised features of at most 2,000 retained images",
    unit="percent",
    bounds=(0, 100),
    ideal="equal to the oracle",
    source=_SOURCE,
    needs="probes",
)
def refit_forget_acc(run: RunOutputs, model: Model, probes: ProbeOutputs) -> Number:
    """Forget accuracy of a refitted last layer."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if len(np.unique(run.examples(model, "retain").labels[probes.arrays["retain_rows"]])) < 2:
        raise MissingValue("the retained images are all of one class")
    layer = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    return forget_acc_from_features(run, model, probes, layer)


@metric(
    name="restored_forget_acc",
    title="Forget accuracy after training on other images",
    definition="Accuracy on the forget set after one pass over as many retained images as were forgotten, and none of "
    "those. Above the oracle's: what was forgotten was near.",
    formula="FA after ceil(|Df|/B) steps on retained images, Adam at 1e-3",
    unit="percent",
    bounds=(0, 100),
    ideal="equal to the oracle",
    source=_SOURCE,
    needs="probes",
)
def restored_forget_acc(run: RunOutputs, model: Model, probes: ProbeOutputs) -> Number:
    """Forget accuracy after a little training on retained images."""
    return accuracy(_restored(run, model, probes, "forget"))


@metric(
    name="restored_mia_auroc",
    attack=True,
    title="Membership inference after training on other images",
    definition="The loss attack, forget against test, after the same training: does it bring memory back?",
    formula="as mia_auroc, of the model of restored_forget_acc",
    unit="percent",
    bounds=(0, 100),
    ideal="equal to the oracle, near 50",
    source=_SOURCE,
    needs="probes",
)
def restored_mia_auroc(run: RunOutputs, model: Model, probes: ProbeOutputs) -> Number:
    """AUROC of the loss attack after a little training on retained images."""
    forget, test = _restored(run, model, probes, "forget"), _restored(run, model, probes, "test")
    test = comparable(run, test)
    return 100 * separate(loss(forget), loss(test), forget.weights, test.weights).auroc


def _restored(run: RunOutputs, model: Model, probes: ProbeOutputs, part: Literal["forget", "test"]) -> Examples:
    known = run.examples(model, part)
    return Examples(known.labels, probes.answer("restored", model, part).astype(np.float32), known.weights)
