"""Membership inference that knows how hard each image is, from models that never saw it.

An easy image has a low loss under any model, seen or not, and the loss attack calls it a member. These attacks divide
that out: they ask whether the model under audit finds an image more likely than shadow models do that never saw it.

What is needed for a model without memory to come out at 50:
- Images of both kinds are judged by equally many OUT models (References.out).
- What the attacker tunes, RMIA's a, he tunes on shadow models, whose training sets are known to him; which images the
  run forgot plays no part. He does so once: bootstrap resamples draw forgotten and test images anew, neither a nor the
  population z.
- In scenario `class`, the unseen images and z are of the forgotten class, as in unbench.metrics.attacks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from unbench.metrics.attacks import cross_entropy
from unbench.metrics.outputs import Examples, MissingValue, Model, RunOutputs, Split
from unbench.metrics.registry import Number, metric
from unbench.metrics.separation import Separation, separate
from unbench.metrics.shadows import References

RATE = 0.01
"""False-positive rate of the second number of RMIA."""

GAMMA = 1.0
"""Threshold of RMIA's pairwise ratio; the value of privacytrustlab/ml_privacy_meter."""

TRIES = np.linspace(0, 1, 11)
"""Values of a among which the attacker chooses, as ml_privacy_meter does."""

REHEARSALS = 4
"""Shadow models he chooses it by; ml_privacy_meter takes one, which is noisy for small forget sets."""


@dataclass(frozen=True)
class Signals:
    """One split under the model that is audited and under S shadow models.

    Attributes:
        examples: N of them, under the model.
        log_p: logarithm of the softmax at the label under the model, (N,).
        shadow_log_p: the same under each shadow model, (S, N).
        out: which of the shadow models judge an example; none of them was trained on it, (S, N).
    """

    examples: Examples
    log_p: NDArray[np.float64]
    shadow_log_p: NDArray[np.float64]
    out: NDArray[np.bool_]

    @property
    def log_mean_out(self) -> NDArray[np.float64]:
        """Logarithm of the mean probability of the label over the OUT models, (N,)."""
        return _log_mean(self.shadow_log_p, self.out)


def signals(run: RunOutputs, model: Model, references: References, split: Split) -> Signals:
    """A split under a model of the run and under the shadow models; in scenario `class` of that class only.

    Raises:
        MissingValue: outputs are not there, not of the same examples, or not finite, or too few models are OUT.
    """
    examples = run.examples(model, split)
    shadows = references.of(split, examples.labels)
    out, log_p, shadow_log_p = references.out(split), -cross_entropy(examples), shadows.log_p
    if run.forget_class is not None:
        mask = examples.labels == run.forget_class
        examples, log_p, shadow_log_p, out = examples.where(mask), log_p[mask], shadow_log_p[:, mask], out[:, mask]
    return Signals(examples, log_p, shadow_log_p, out)


_RECORD = {"unit": "percent", "bounds": (0, 100), "needs": "references"}


@metric(
    name="ratio_mia_auroc",
    attack=True,
    title="Ratio attack (AUROC)",
    definition="AUROC, forget against test, of how much likelier the label is than under shadow models that never saw "
    "the image. Test images are judged by as many shadow models as forgotten ones.",
    formula="s(x) = log p_y(x) - log mean over OUT models of p_y(x)",
    ideal="equal to the oracle, near 50",
    source="ReGUn, arXiv 2603.11210, which calls it RMIA; equal numbers of OUT models are ours",
    **_RECORD,
)
def ratio_mia_auroc(run: RunOutputs, model: Model, references: References) -> Number:
    """AUROC of the ratio attack."""
    members, others = (signals(run, model, references, split) for split in ("forget", "test"))
    return 100 * _separate(members, others, *(side.log_p - side.log_mean_out for side in (members, others))).auroc


_RMIA = {
    "formula": "s(x) = share of z in V with r(x) >= r(z), r(x) = p_y(x) / (((1+a) mean over OUT of p_y(x) + 1-a) / 2)",
    "source": "RMIA offline: Zarifzadeh et al., arXiv 2312.03262, with gamma = 1; a of 0, 0.1, ..., 1 is the one that "
    "attacks up to four of the shadow models best, on their own halves of the forget set; z are the validation images",
    **_RECORD,
}


@metric(
    name="rmia_auroc",
    attack=True,
    title="Robust membership inference (RMIA, AUROC)",
    definition="AUROC, forget against test, of the share of validation images that gain less than an image does from "
    "being judged by this model instead of by models that never saw it.",
    ideal="equal to the oracle, near 50",
    **_RMIA,
)
def rmia_auroc(run: RunOutputs, model: Model, references: References) -> Number:
    """AUROC of RMIA."""
    return 100 * _rmia(run, model, references).auroc


@metric(
    name="rmia_tpr_at_1pct",
    attack=True,
    title="Robust membership inference (RMIA, TPR at 1 % FPR)",
    definition="Share of the forget set that RMIA finds when it takes at most 1 % of test for forgotten.",
    ideal="equal to the oracle, near 1",
    **_RMIA,
)
def rmia_tpr_at_1pct(run: RunOutputs, model: Model, references: References) -> Number:
    """True-positive rate of RMIA at a false-positive rate of 1 %."""
    return 100 * _rmia(run, model, references).tpr[RATE]


def _rmia(run: RunOutputs, model: Model, references: References) -> Separation:
    """RMIA by the audited model, computed once for both of its numbers; its a, once for all models and resamples."""

    def compute() -> Separation:
        members, others, population = (signals(run, model, references, split) for split in ("forget", "test", "val"))
        if len(population.examples) == 0:
            raise MissingValue("RMIA compares with validation images of the forgotten class, and there are none")
        a = run.plain.once(("rmia a", references), lambda: choose_a(members, population))
        of_z = log_ratio(population.log_p, population.log_mean_out, a)
        scores = (share_below(log_ratio(side.log_p, side.log_mean_out, a), of_z) for side in (members, others))
        return _separate(members, others, *scores)

    return run.once(("rmia", model, references), compute)


def choose_a(images: Signals, population: Signals) -> float:
    """The a with which RMIA best tells images that a shadow model saw from those it did not, on average over models.

    Each rehearsal attacks one shadow model with the help of the others but that with the complementary half, which is
    OUT for all that the first one saw and for nothing else. Nothing here depends on the audited model.

    Args:
        images: whose `out` says what each shadow model was not trained on: the forget set.
        population: that no model was trained on.

    Raises:
        MissingValue: no shadow model can be attacked, because too few others are OUT or it saw all or none.
    """
    areas: list[list[Number]] = []
    for number in range(len(images.out)):
        own = images.out[number]
        others = (images.out != ~own).any(axis=1) & (np.arange(len(images.out)) != number)
        usable = images.out[others].any(axis=0)
        seen, unseen = ~own & usable, own & usable
        if not (seen.any() and unseen.any()):
            continue
        judged = population.out[others].any(axis=0)
        if not judged.any():
            continue
        of_x = images.shadow_log_p[number], _log_mean(images.shadow_log_p[others], images.out[others])
        of_z = population.shadow_log_p[number], _log_mean(population.shadow_log_p[others], population.out[others])
        row = []
        for a in TRIES:
            z = log_ratio(of_z[0][judged], of_z[1][judged], a)
            inside, outside = (share_below(log_ratio(of_x[0][kind], of_x[1][kind], a), z) for kind in (seen, unseen))
            row.append(separate(inside, outside).auroc)
        areas.append(row)
        if len(areas) == REHEARSALS:
            break
    if not areas:
        raise MissingValue("RMIA cannot choose its a: too few shadow models, or images that they saw")
    return float(TRIES[np.asarray(areas).mean(axis=0).argmax()])


def log_ratio(log_p: NDArray[np.float64], log_mean_out: NDArray[np.float64], a: float) -> NDArray[np.float32]:
    """Logarithm of p(x|model) / p(x), where p(x) is made from the mean over OUT models alone, (N,).

    Args:
        log_p: under the model, (N,).
        log_mean_out: logarithm of the mean probability over OUT models, (N,).
        a: 1 says that models trained on x find it no likelier than others do, 0 that they are certain of it.

    >>> import numpy as np
    >>> float(np.exp(log_ratio(np.log([0.6]), np.log([0.2]), a=0.5))[0]).__round__(6)
    1.5
    """
    with np.errstate(divide="ignore"):
        prior = np.logaddexp(np.log((1 + a) / 2) + log_mean_out, np.log((1 - a) / 2))
    # As in unbench.metrics.attacks: what agrees to float32 is a tie.
    return (log_p - prior).astype(np.float32)


def share_below(log_ratios: NDArray[np.float32], of_population: NDArray[np.float32]) -> NDArray[np.float64]:
    """Share of the population (Z,) that an image dominates: its ratio is at least gamma times theirs, 0 to 1, (N,).

    >>> import numpy as np
    >>> share_below(np.log([1.0, 3.0]).astype(np.float32), np.log([0.5, 1.0, 2.0, 4.0]).astype(np.float32))
    array([0.5 , 0.75])
    """
    needed = np.sort(of_population) + np.float32(np.log(GAMMA))
    return np.searchsorted(needed, log_ratios, side="right") / len(of_population)


def _log_mean(log_p: NDArray[np.float64], mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Logarithm of the mean of exp(log_p) where `mask`, over the first axis; minus infinity where it is empty."""
    with np.errstate(divide="ignore"):
        return np.asarray(logsumexp(np.where(mask, log_p, -np.inf), axis=0) - np.log(np.maximum(mask.sum(axis=0), 1)))


def _separate(
    members: Signals, others: Signals, member_scores: NDArray[np.floating], other_scores: NDArray[np.floating]
) -> Separation:
    return separate(
        member_scores.astype(np.float32),
        other_scores.astype(np.float32),
        members.examples.weights,
        others.examples.weights,
        rates=(RATE,),
    )
