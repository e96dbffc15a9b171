"""Average Gap: how far a model's measures lie from the oracle's, and how far two oracles lie apart."""

from __future__ import annotations

from collections.abc import Mapping

from unbench.metrics.outputs import MissingValue

MEASURES = ("test_acc", "retain_acc", "forget_acc", "mia_auroc")
"""The four measures of MUNKEY's Average Gap (arXiv 2603.15033): TA, RA, FA, MIA."""


def average_gap(model: Mapping[str, float], oracle: Mapping[str, float]) -> float:
    """Mean over the four measures of |model - oracle|, in percentage points.

    Computed per seed against the oracle of that seed; averaging over seeds comes after, because the
    difference of two averages is smaller than the average difference.

    Raises:
        MissingValue: one of the measures is missing; a mean over fewer would be another metric.

    >>> zero = dict.fromkeys(MEASURES, 50.0)
    >>> average_gap({**zero, "test_acc": 54.0}, zero)
    1.0
    """
    for name in MEASURES:
        for values, owner in ((model, "model"), (oracle, "oracle")):
            if name not in values:
                raise MissingValue(f"{name} of the {owner} is missing")
    return sum(abs(model[name] - oracle[name]) for name in MEASURES) / len(MEASURES)
