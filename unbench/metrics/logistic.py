"""The loss attack by logistic regression, as the NeurIPS 2023 unlearning competition handed it out."""

from __future__ import annotations

import numpy as np

from unbench.metrics.attacks import cross_entropy, sides
from unbench.metrics.outputs import MissingValue, Model, RunOutputs
from unbench.metrics.registry import metric
from unbench.seeds import derive_seed

LEAST = 10
"""Images of each kind that ten rounds of cross-validation need: with fewer a test part may hold one kind alone."""


@metric(
    name="mia_logistic_acc",
    attack=True,
    title="Accuracy of the logistic-regression attack",
    definition="Cross-validated accuracy of telling forget from test images by a logistic regression on their loss, "
    "as many of each. It has one threshold: a difference in spread alone goes unseen, and below 50 is noise.",
    formula="100 * mean over 10 stratified splits (90 % to fit, 10 % to test) of the accuracy on the tested part",
    unit="percent",
    bounds=(0, 100),
    ideal="equal to the oracle, near 50",
    source="starting kit of the NeurIPS 2023 Machine Unlearning Challenge; its random subsample is drawn with a fixed "
    "seed here",
    interval=False,
)
def mia_logistic_acc(run: RunOutputs, model: Model) -> float:
    """Mean accuracy over the ten splits.

    No bootstrap interval: a resample holds images twice, which would then be fitted on and tested on.

    Raises:
        MissingValue: a set is not there, too small, or not finite.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedShuffleSplit, cross_val_score

    losses = [cross_entropy(examples) for examples in sides(run, model)]
    size = min(map(len, losses))
    if size < LEAST:
        raise MissingValue(f"cross-validation needs at least {LEAST} forgotten and {LEAST} unseen images, not {size}")
    rng = np.random.default_rng(derive_seed("mia_logistic_acc", "subsample"))
    features = np.concatenate([values[np.sort(rng.permutation(len(values))[:size])] for values in losses])
    members = np.repeat([1, 0], size)
    splits = StratifiedShuffleSplit(
        n_splits=10, test_size=0.1, random_state=derive_seed("mia_logistic_acc", "splits") % 2**32
    )
    # One feature: the exact Newton step is one division, twice as fast as the default solver.
    attack = LogisticRegression(solver="newton-cholesky")
    scores = cross_val_score(attack, features[:, None], members, cv=splits, scoring="accuracy")
    return float(100 * np.mean(scores))
