"""Membership inference: can an attacker tell forgotten images from images never seen?

There is one attack for each score of unbench.metrics.attacks, and four metrics for each attack: AUROC, balanced
accuracy at a threshold chosen elsewhere, and the true-positive rate at two low false-positive rates. An average over
all thresholds says little about the few people an attacker can be sure of: Carlini et al., arXiv 2112.03570, Section
III.
"""

from functools import partial

from unbench.metrics.attacks import SCORES, sides
from unbench.metrics.outputs import MissingValue, Model, RunOutputs
from unbench.metrics.registry import Number, described, membership_attack
from unbench.metrics.separation import Separation, best_threshold, separate
from unbench.metrics.weighted import mean

RATES = {0.01: "1pct", 0.001: "0_1pct"}
"""False-positive rates at which the TPR is measured, and their names."""


def measured(run: RunOutputs, model: Model, score: str) -> Separation:
    """Separate the forget set from unseen images by one score; computed once for all metrics that need it.

    Raises:
        MissingValue: the outputs of either set are missing or not finite.
    """

    def compute() -> Separation:
        (forget, others), look = sides(run, model), SCORES[score]
        return separate(look(forget), look(others), forget.weights, others.weights, RATES)

    return run.once(("membership", model, score), compute)


@membership_attack()
def mia_auroc(run: RunOutputs, model: Model) -> Number:
    """Membership inference (MIA)

    AUROC of the loss attack with the forget set as members and the test set as non-members, never folded: below 50, the
    forgotten images look less familiar than unseen ones.

    Formula: 100 * P(s(x_f) > s(x_t)) + 50 * P(s(x_f) = s(x_t)), s = -cross entropy
    Source: loss attack: Yeom et al., arXiv 1709.01604
    """
    return auroc(run, model, "loss")


def auroc(run: RunOutputs, model: Model, score: str) -> Number:
    """AUROC of the $attack

    Forget set as members against test set as non-members, never folded; as mia_auroc, with another score. $definition

    Formula: 100 * P(s(x_f) > s(x_t)) + 50 * P(s(x_f) = s(x_t)), $formula
    Source: score: $source
    """
    return 100 * measured(run, model, score).auroc


def balanced_accuracy(run: RunOutputs, model: Model, score: str) -> Number:
    """Balanced accuracy of the $attack

    Forget set as members against test set as non-members, at the threshold that best tells retain from validation
    images: one chosen on the evaluated images would be optimistic. $definition

    Formula: 50 * (P(s(x_f) >= t) + P(s(x_t) < t)), t = argmax_t P(s(x_r) >= t) - P(s(x_v) >= t), $formula
    Source: score: $source; choosing the threshold on other data is part of unbench
    Note: A threshold that is best on the evaluated images would fit their noise, and find above 50 where there is
        nothing to find. In scenario `class`, val is taken without the forgotten class, so that both kinds hold the same
        classes. Resamples share the threshold of the examples as they are: the interval is that of the attack that was
        made.
    """
    look = SCORES[score]
    retain, val = run.examples(model, "retain"), run.remaining(model, "val")
    threshold = run.plain.once(("threshold", model, score), lambda: best_threshold(look(retain), look(val)))
    forget, others = sides(run, model)
    found = mean(look(forget) >= threshold, forget.weights)
    return 50 * (found + mean(look(others) < threshold, others.weights))


def tpr(run: RunOutputs, model: Model, score: str, rate: float) -> Number:
    """TPR at $percent % FPR of the $attack

    Share of the forget set that is found when at most $percent % of the test set is mistaken for members: how many
    people an attacker can be sure of. $definition

    Formula: 100 * max_t P(s(x_f) >= t) with P(s(x_t) >= t) <= $rate, $formula
    Source: score: $source; TPR at low FPR: Carlini et al., arXiv 2112.03570
    Raises:
        MissingValue: there are fewer than 1 / rate unseen images, so that not even one false alarm is allowed; or as
            `measured`.
    """
    result = measured(run, model, score)
    needed = round(1 / rate)
    if result.others < needed:
        raise MissingValue(f"1 false positive in {needed} needs {needed} images never seen; there are {result.others}")
    return 100 * result.tpr[rate]


for _score, _look in SCORES.items():
    _words = {"definition": "", **described(_look), "attack": f"{_score.replace('_', '-')} attack"}
    if _score != "loss":  # that one is mia_auroc
        membership_attack(name=f"mia_{_score}_auroc", words=_words)(partial(auroc, score=_score))
    membership_attack(name=f"mia_{_score}_balanced_acc", words=_words)(partial(balanced_accuracy, score=_score))
    for _rate, _suffix in RATES.items():
        _words |= {"percent": f"{100 * _rate:g}", "rate": f"{_rate:g}"}
        membership_attack(
            name=f"mia_{_score}_tpr_at_{_suffix}", words=_words, ideal=f"equal to the oracle, near {100 * _rate:g}"
        )(partial(tpr, score=_score, rate=_rate))
