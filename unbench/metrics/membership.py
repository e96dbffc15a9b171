"""Membership inference: can an attacker tell forgotten images from images never seen?

There is one attack for each score of unbench.metrics.attacks, and four metrics for each attack: AUROC, balanced
accuracy at a threshold chosen elsewhere, and the true-positive rate at two low false-positive rates. An average over
all thresholds says little about the few people an attacker can be sure of: Carlini et al., arXiv 2112.03570, Section
III.
"""

from __future__ import annotations

from dataclasses import dataclass

from unbench.metrics.accuracy import remaining
from unbench.metrics.attacks import SCORES, sides
from unbench.metrics.outputs import MissingValue, Model, RunOutputs
from unbench.metrics.records import membership_attack
from unbench.metrics.registry import Number
from unbench.metrics.separation import Separation, best_threshold, separate
from unbench.metrics.weighted import mean

RATES = {0.01: "1pct", 0.001: "0_1pct"}
"""False-positive rates at which the TPR is measured, and their names."""


@dataclass(frozen=True)
class ScoreAttack:
    """What the records of one attack's metrics contain.

    Attributes:
        score: its name in SCORES, and in the names of the metrics.
        formula: of the score.
        source: paper, with its identifier.
        note: a sentence on the score, or "".
    """

    score: str
    formula: str
    source: str
    note: str = ""

    @property
    def title(self) -> str:
        """Name for people."""
        return f"{self.score.replace('_', '-')} attack"


ATTACKS = (
    ScoreAttack("loss", "s = log p_y", "Yeom et al., arXiv 1709.01604"),
    ScoreAttack(
        "confidence",
        "s = max_k p_k",
        "Salem et al., arXiv 1806.01246",
        " The score is the highest probability, whatever the label: the label's own would rank as the loss does.",
    ),
    ScoreAttack(
        "entropy",
        "s = sum_k p_k log p_k",
        "Salem et al., arXiv 1806.01246",
        " The score is minus the entropy of the softmax and ignores the label.",
    ),
    ScoreAttack(
        "modified_entropy",
        "s = (1 - p_y) log p_y + sum_{k != y} p_k log(1 - p_k)",
        "Song and Mittal, arXiv 2003.10595; not the variant of Unlearn-Sparse's code, which has log p for log(1 - p)",
        " The score is minus an entropy that is low only if the label, not another class, is certain.",
    ),
)


def measured(run: RunOutputs, model: Model, score: str) -> Separation:
    """Separate the forget set from unseen images by one score; computed once for all metrics that need it.

    Raises:
        MissingValue: the outputs of either set are missing or not finite.
    """

    def compute() -> Separation:
        (forget, others), look = sides(run, model), SCORES[score]
        return separate(look(forget), look(others), forget.weights, others.weights, RATES)

    return run.once(("membership", model, score), compute)


def auroc(run: RunOutputs, model: Model, score: str) -> Number:
    """Return the AUROC of forget set against unseen images, in percent; raises MissingValue as `measured`."""
    return 100 * measured(run, model, score).auroc


def balanced_accuracy(run: RunOutputs, model: Model, score: str) -> Number:
    """Compute the balanced accuracy, in percent, of calling all images members that reach a threshold.

    The threshold is the best one for telling retain from val. One chosen on the evaluated images would fit their noise,
    and find above 50 where there is nothing to find. In scenario `class`, val is taken without the forgotten class, so
    that both kinds hold the same classes.

    Resamples share the threshold of the examples as they are: the interval is that of the attack that was made.

    Raises:
        MissingValue: a split is missing or not finite.
    """
    look = SCORES[score]
    retain, val = run.examples(model, "retain"), remaining(run, run.examples(model, "val"))
    threshold = run.plain.once(("threshold", model, score), lambda: best_threshold(look(retain), look(val)))
    forget, others = sides(run, model)
    found = mean(look(forget) >= threshold, forget.weights)
    return 50 * (found + mean(look(others) < threshold, others.weights))


def tpr(run: RunOutputs, model: Model, score: str, rate: float) -> Number:
    """Return the share of the forget set, in percent, found while at most `rate` of the unseen images are called so.

    Raises:
        MissingValue: there are fewer than 1 / rate unseen images, so that not even one false alarm is allowed; or as
            `measured`.
    """
    result = measured(run, model, score)
    needed = round(1 / rate)
    if result.others < needed:
        raise MissingValue(f"1 false positive in {needed} needs {needed} images never seen; there are {result.others}")
    return 100 * result.tpr[rate]


@membership_attack(
    title="Membership inference (MIA)",
    definition="AUROC of the loss attack with the forget set as members and the test set as non-members, never folded: "
    "below 50, the forgotten images look less familiar than unseen ones.",
    formula="100 * P(s(x_f) > s(x_t)) + 50 * P(s(x_f) = s(x_t)), s = -cross entropy",
    source="loss attack: Yeom et al., arXiv 1709.01604",
)
def mia_auroc(run: RunOutputs, model: Model) -> Number:
    """Return the AUROC of the loss attack, forget against test."""
    return auroc(run, model, "loss")


def _register_auroc(attack: ScoreAttack) -> None:
    membership_attack(
        name=f"mia_{attack.score}_auroc",
        title=f"AUROC of the {attack.title}",
        definition="Forget set as members against test set as non-members, never folded; as mia_auroc, with another "
        f"score.{attack.note}",
        formula=f"100 * P(s(x_f) > s(x_t)) + 50 * P(s(x_f) = s(x_t)), {attack.formula}",
        source=f"score: {attack.source}",
    )(lambda run, model: auroc(run, model, attack.score))


def _register_balanced_accuracy(attack: ScoreAttack) -> None:
    membership_attack(
        name=f"mia_{attack.score}_balanced_acc",
        title=f"Balanced accuracy of the {attack.title}",
        definition="Forget set as members against test set as non-members, at the threshold that best tells retain "
        f"from validation images: one chosen on the evaluated images would be optimistic.{attack.note}",
        formula="50 * (P(s(x_f) >= t) + P(s(x_t) < t)), "
        f"t = argmax_t P(s(x_r) >= t) - P(s(x_v) >= t), {attack.formula}",
        source=f"score: {attack.source}; choosing the threshold on other data is part of unbench",
    )(lambda run, model: balanced_accuracy(run, model, attack.score))


def _register_tpr(attack: ScoreAttack, rate: float) -> None:
    membership_attack(
        name=f"mia_{attack.score}_tpr_at_{RATES[rate]}",
        title=f"TPR at {100 * rate:g} % FPR of the {attack.title}",
        definition=f"Share of the forget set that is found when at most {100 * rate:g} % of the test set is mistaken "
        f"for members: how many people an attacker can be sure of.{attack.note}",
        formula=f"100 * max_t P(s(x_f) >= t) with P(s(x_t) >= t) <= {rate:g}, {attack.formula}",
        ideal=f"equal to the oracle, near {100 * rate:g}",
        source=f"score: {attack.source}; TPR at low FPR: Carlini et al., arXiv 2112.03570",
    )(lambda run, model: tpr(run, model, attack.score, rate))


for _attack in ATTACKS:
    if _attack.score != "loss":  # that one is mia_auroc
        _register_auroc(_attack)
    _register_balanced_accuracy(_attack)
    for _rate in RATES:
        _register_tpr(_attack, _rate)
