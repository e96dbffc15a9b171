"""Relearning and restoration: what is only hidden comes back faster than what was never there.

Relearning trains on the whole training set, the forget set included; restoration only on retained images. The oracle is
the control.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from unbench.metrics.accuracy import accuracy
from unbench.metrics.attacks import comparable, loss
from unbench.metrics.classifiers import logistic_regression
from unbench.metrics.outputs import Examples, MissingValue, Model, RunOutputs
from unbench.metrics.probed import ProbeOutputs
from unbench.metrics.registry import AGAINST_ORACLE, Number, metric, percent
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


@metric(unit="steps", bounds=(0, 200), ideal="equal to the oracle", needs="probes", interval=False)
def relearn_steps(run: RunOutputs, model: Model, probes: ProbeOutputs) -> Number:
    """Relearning time

    Steps of training on the whole training set until the loss on the forget set is at most 0.1 nats.

    Formula: min {t: loss_f(t) <= 0.1}, Adam at 1e-3, batches of the preset, at most 200 steps
    Source: Golatkar et al., arXiv 1911.04933, who count epochs of 500 images with SGD
    """
    return float(first_step(probes.result("relearn", model, "forget")[0] <= LOSS_LEVEL))


@metric(like=relearn_steps, unit="ratio", bounds=(0, np.inf), ideal="1", models=AGAINST_ORACLE)
def anamnesis_index(run: RunOutputs, model: Model, probes: ProbeOutputs) -> Number:
    """Anamnesis index (AIN)

    Steps until the accuracy on the forget set is within 5 % of the original's, as a multiple of the oracle's. Far below
    1: remnants; far above: scars that reveal that something was forgotten.

    Formula: r(unlearned) / r(oracle), r = min {t: FA(t) >= 0.95 FA(original)}
    Source: Chundawat et al., arXiv 2201.05629; Adam at 1e-3 and batches of the preset, at most 200 steps
    """
    level = (1 - MARGIN / 100) * probes.result("relearn", "original", "forget")[1][0]
    of_model, of_oracle = (
        first_step(probes.result("relearn", name, "forget")[1] >= level) for name in (model, "oracle")
    )
    if of_oracle == 0:
        raise MissingValue("the oracle is within 5 % of the original's forget accuracy before it trains")
    return of_model / of_oracle


@percent(needs="probes")
def refit_forget_acc(run: RunOutputs, model: Model, probes: ProbeOutputs) -> Number:
    """Forget accuracy after refitting the last layer

    Accuracy on the forget set of a new last layer, fitted on features of retained images alone. Above the oracle's,
    only the last layer had forgotten.

    Formula: accuracy of logistic regression on standardised features of at most 2,000 retained images
    Source: part of unbench, in the manner of the restorations of arXiv 2602.18505, where the control is the oracle too
    """
    if len(np.unique(run.examples(model, "retain").labels[probes.arrays["retain_rows"]])) < 2:
        raise MissingValue("the retained images are all of one class")
    return forget_acc_from_features(run, model, probes, logistic_regression())


@metric(like=refit_forget_acc)
def restored_forget_acc(run: RunOutputs, model: Model, probes: ProbeOutputs) -> Number:
    """Forget accuracy after training on other images

    Accuracy on the forget set after one pass over as many retained images as were forgotten, and over no forgotten
    image. Above the oracle's, what was forgotten was still near.

    Formula: FA after ceil(|Df|/B) steps on retained images, Adam at 1e-3
    """
    return accuracy(_restored(run, model, probes, "forget"))


@metric(like=refit_forget_acc, attack=True, ideal="equal to the oracle, near 50")
def restored_mia_auroc(run: RunOutputs, model: Model, probes: ProbeOutputs) -> Number:
    """Membership inference after training on other images

    The loss attack, forget against test, after the same training as restored_forget_acc: does it bring memory back?

    Formula: as mia_auroc, of the model of restored_forget_acc
    """
    forget, test = (_restored(run, model, probes, part) for part in ("forget", "test"))
    test = comparable(run, test)
    return 100 * separate(loss(forget), loss(test), forget.weights, test.weights).auroc


def _restored(run: RunOutputs, model: Model, probes: ProbeOutputs, part: Literal["forget", "test"]) -> Examples:
    known = run.examples(model, part)
    return Examples(known.labels, probes.result("restored", model, part).astype(np.float32), known.weights)
