"""Average Gap: how far a model's measures lie from the oracle's, and how far two oracles lie apart."""

from collections.abc import Mapping

import numpy as np

from unbench.metrics.outputs import MissingValue, Model, RunOutputs
from unbench.metrics.registry import AGAINST_ORACLE, METRICS, Number, metric

MEASURES = ("test_acc", "retain_acc", "forget_acc", "mia_auroc")
"""The four measures of MUNKEY's Average Gap (arXiv 2603.15033): TA, RA, FA, MIA."""


def average_gap(model: Mapping[str, Number], oracle: Mapping[str, Number]) -> Number:
    """Average |model - oracle| over the four measures, in percentage points.

    It is computed per seed against the oracle of that seed, and averaged over seeds afterwards, because the difference
    of two averages is smaller than the average difference.

    Raises:
        MissingValue: one of the measures is missing; a mean over fewer would be another metric.

    >>> zero = dict.fromkeys(MEASURES, 50.0)
    >>> float(average_gap({**zero, "test_acc": 54.0}, zero))
    1.0
    """
    for name in MEASURES:
        for values, owner in ((model, "model"), (oracle, "oracle")):
            if name not in values:
                raise MissingValue(f"{name} of the {owner} is missing")
    return sum(np.abs(model[name] - oracle[name]) for name in MEASURES) / len(MEASURES)


@metric(unit="points", bounds=(0, 100), ideal="at most that of oracle_2", models=AGAINST_ORACLE)
def avg_gap(run: RunOutputs, model: Model) -> Number:
    """Average Gap

    Mean over TA, RA, FA and MIA of the distance to the oracle of the same seed. For a second oracle, which differs only
    in its seed, it is the noise floor.

    Formula: 1/4 * sum_m |m(unlearned) - m(oracle)|, m in {TA, RA, FA, MIA}
    Source: MUNKEY, arXiv 2603.15033; the noise floor is part of unbench
    """
    return average_gap(_measures(run, model), _measures(run, "oracle"))


@metric(like=avg_gap, ideal="0", models=("unlearned",))
def val_gap(run: RunOutputs, model: Model) -> Number:
    """Average Gap on validation

    Average Gap with the validation set in place of the test set; used to choose hyper-parameters.

    Formula: as avg_gap, with V for T
    Source: part of unbench
    """
    return avg_gap(run.validated(), model)


def _measures(run: RunOutputs, model: Model) -> dict[str, Number]:
    return {name: METRICS[name].of(run, model) for name in MEASURES}
