"""Membership inference: can an attacker tell forgotten images from images never seen?"""

from __future__ import annotations

from unbench.metrics.attacks import SCORES, attack
from unbench.metrics.outputs import Model, RunOutputs
from unbench.metrics.registry import Number, metric


@metric(
    name="mia_auroc",
    title="Membership inference (MIA)",
    definition="AUROC of the loss attack with the forget set as members and the test set as non-members, never folded: "
    "below 50 the forgotten images look less familiar than unseen ones.",
    formula="100 * P(s(x_f) > s(x_t)) + 50 * P(s(x_f) = s(x_t)), s = -cross entropy",
    unit="percent",
    bounds=(0, 100),
    ideal="equal to the oracle, near 50",
    source="loss attack: Yeom et al., arXiv 1709.01604",
)
def mia_auroc(run: RunOutputs, model: Model) -> Number:
    """AUROC of the loss attack, forget against test."""
    return 100 * attack(run, model, SCORES["loss"]).area()
