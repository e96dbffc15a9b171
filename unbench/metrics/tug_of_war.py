"""Tug of War: one number for forgetting, keeping and generalising as the oracle does."""

import numpy as np

from unbench.metrics.outputs import Model, RunOutputs
from unbench.metrics.registry import AGAINST_ORACLE, METRICS, Number, metric


@metric(unit="fraction", bounds=(0, 1), ideal="1, or at least that of oracle_2", models=AGAINST_ORACLE)
def tow(run: RunOutputs, model: Model) -> Number:
    """Tug of War (ToW)

    Product over FA, RA and TA of one minus the distance to the oracle of the same seed, so that no measure makes up for
    another. For a second oracle, it is the noise floor.

    Formula: prod_m (1 - |m(unlearned) - m(oracle)| / 100), m in {FA, RA, TA}
    Source: RUM, arXiv 2406.01257; in scenario class, TA is of the remaining classes
    """
    return _product(run, model, ("forget_acc", "retain_acc", "test_acc"))


@metric(like=tow)
def tow_mia(run: RunOutputs, model: Model) -> Number:
    """Tug of War with the loss attack (ToW-MIA)

    ToW with the AUROC of the loss attack in place of FA. Not comparable with published ToW-MIA, which uses another
    attack.

    Formula: prod_m (1 - |m(unlearned) - m(oracle)| / 100), m in {mia_auroc, RA, TA}
    Source: RUM, arXiv 2406.01257, takes the share of the forget set that an SVC on confidences calls non-members; the
        AUROC of the loss attack is ours
    """
    return _product(run, model, ("mia_auroc", "retain_acc", "test_acc"))


def _product(run: RunOutputs, model: Model, measures: tuple[str, ...]) -> Number:
    product: Number = 1.0
    for name in measures:
        distance = np.abs(METRICS[name].of(run, model) - METRICS[name].of(run, "oracle"))
        product = product * np.maximum(1 - distance / 100, 0)  # rounding may put a distance just above 100
    return product
