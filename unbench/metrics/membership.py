"""Membership inference: can an attacker tell forgotten images from images never seen?

One attack for each score of unbench.metrics.attacks, and of each attack four metrics: AUROC, balanced accuracy at a
threshold chosen elsewhere, and the true-positive rate at two low false-positive rates. An average over all thresholds
says little about the few people an attacker can be sure of: Carlini et al., arXiv 2112.03570, Section III.
"""

from __future__ import annotations

from dataclasses import dataclass

from unbench.metrics.accuracy import remaining
from unbench.metrics.attacks import SCORES, sides
from unbench.metrics.outputs import MissingValue, Model, RunOutputs
from unbench.metrics.registry import Number, metric
from unbench.metrics.separation import Separation, best_threshold, separate
from unbench.metrics.weighted import mean

RATES = {0.01: "1pct", 0.001: "0_1pct"}
"""False-positive rates at which the TPR is measured, and their names."""


@dataclass(frozen=True)
class Attack:
    """What the records of one attack's metrics say.

    Attributes:
        score: its name in SCORES, and in the names of the metrics.
        title: for people.
        formula: of the score.
        note: what to know about it, or "".
        source: paper, with its identifier.
    """

    score: str
    title: str
    formula: str
    note: str
    source: str


ATTACKS = (
    Attack("loss", "loss attack", "s = log p_y", "", "Yeom et al., arXiv 1709.01604"),
    Attack(
        "confidence",
        "confidence attack",
        "s = max_k p_k",
        "The score is the highest probability, whatever the label: the label's own would rank as the loss does.",
        "Salem et al., arXiv 1806.01246",
    ),
    Attack(
        "entropy",
        "entropy attack",
        "s = sum_k p_k log p_k",
        "The score is minus the entropy of the softmax and knows no label.",
        "Salem et al., arXiv 1806.01246",
    ),
    Attack(
        "modified_entropy",
        "modified-entropy attack",
        "s = (1 - p_y) log p_y + sum_{k != y} p_k log(1 - p_k)",
        "The score is minus an entropy that is low only if the label, not another class, is certain.",
        "Song and Mittal, arXiv 2003.10595; not the variant of Unlearn-Sparse's code, which has log p for log(1 - p)",
    ),
)


def measured(run: RunOutputs, model: Model, score: str) -> Separation:
    """Forget set against images never seen, by one score; computed once for all metrics that ask.

    Raises:
        MissingValue: the outputs of either are not there, or not finite.
    """

    def compute() -> Separation:
        (forget, others), look = sides(run, model), SCORES[score]
        return separate(look(forget), look(others), forget.weights, others.weights, RATES)

    return run.once(("membership", model, score), compute)


@metric(
    name="mia_auroc",
    attack=True,
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
    return 100 * measured(run, model, "loss").auroc


def balanced_accuracy(run: RunOutputs, model: Model, score: str) -> Number:
    """Balanced accuracy, in percent, of calling all images members that score at least as high as a threshold.

    The threshold is the best one for telling retain from val. A threshold chosen on the evaluated images would fit
    their noise, and find above 50 where there is nothing to find. In scenario `class` val is taken without the
    forgotten class, so that both kinds hold the same classes.

    Resamples share the threshold of the examples as they are: the interval is that of the attack as it was made.

    Raises:
        MissingValue: a split is not there, or not finite.
    """
    look = SCORES[score]
    retain, val = run.examples(model, "retain"), remaining(run, run.examples(model, "val"))
    threshold = run.plain.once(("threshold", model, score), lambda: best_threshold(look(retain), look(val)))
    forget, others = sides(run, model)
    found = mean(look(forget) >= threshold, forget.weights)
    return 50 * (found + mean(look(others) < threshold, others.weights))


def tpr(run: RunOutputs, model: Model, score: str, rate: float) -> Number:
    """Share of the forget set, in percent, that is found while at most `rate` of the unseen images is called members.

    Raises:
        MissingValue: there are fewer than 1 / rate unseen images, so that not even one false alarm is allowed; or as
            `measured`.
    """
    result = measured(run, model, score)
    needed = round(1 / rate)
    if result.others < needed:
        raise MissingValue(f"1 false positive in {needed} needs {needed} images never seen; there are {result.others}")
    return 100 * result.tpr[rate]


def _register(attack: Attack) -> None:
    """The metrics of one attack; its AUROC is mia_auroc where the attack is by the loss."""
    record = {"unit": "percent", "bounds": (0, 100), "attack": True}
    note, source = f" {attack.note}" if attack.note else "", f"score: {attack.source}"

    if attack.score != "loss":

        @metric(
            name=f"mia_{attack.score}_auroc",
            title=f"AUROC of the {attack.title}",
            definition="Forget set as members against test set as non-members, never folded; as mia_auroc, with "
            f"another score.{note}",
            formula=f"100 * P(s(x_f) > s(x_t)) + 50 * P(s(x_f) = s(x_t)), {attack.formula}",
            ideal="equal to the oracle, near 50",
            source=source,
            **record,
        )
        def auroc(run: RunOutputs, model: Model) -> Number:
            return 100 * measured(run, model, attack.score).auroc

    @metric(
        name=f"mia_{attack.score}_balanced_acc",
        title=f"Balanced accuracy of the {attack.title}",
        definition="Forget set as members against test set as non-members, at the threshold that is best for telling "
        f"retain from validation images: one chosen on the evaluated images would be optimistic.{note}",
        formula="50 * (P(s(x_f) >= t) + P(s(x_t) < t)), "
        f"t = argmax_t P(s(x_r) >= t) - P(s(x_v) >= t), {attack.formula}",
        ideal="equal to the oracle, near 50",
        source=f"{source}; choosing the threshold on other data is part of unbench",
        **record,
    )
    def accuracy(run: RunOutputs, model: Model) -> Number:
        return balanced_accuracy(run, model, attack.score)

    for rate, name in RATES.items():

        @metric(
            name=f"mia_{attack.score}_tpr_at_{name}",
            title=f"TPR at {100 * rate:g} % FPR of the {attack.title}",
            definition=f"Share of the forget set that is found when at most {100 * rate:g} % of the test set is taken "
            f"for members: how many people an attacker can be sure of.{note}",
            formula=f"100 * max_t P(s(x_f) >= t) with P(s(x_t) >= t) <= {rate:g}, {attack.formula}",
            ideal=f"equal to the oracle, near {100 * rate:g}",
            source=f"{source}; TPR at low FPR: Carlini et al., arXiv 2112.03570",
            **record,
        )
        def found(run: RunOutputs, model: Model, rate: float = rate) -> Number:
            return tpr(run, model, attack.score, rate)


for _attack in ATTACKS:
    _register(_attack)
