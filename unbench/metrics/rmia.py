"""Membership inference that knows how hard each image is, from models that never saw it: RMIA and the ratio attack.

An easy image has a low loss under any model, seen or not, and the loss attack calls it a member. These attacks
divide that out: they ask whether the audited model finds an image likelier than shadow models that never saw it.

For a model without memory to come out at 50:
- Images of both kinds are judged by equally many OUT models (References.out).
- What the attacker tunes, RMIA's a, is tuned on shadow models, whose training sets are known; which images the run
  forgot plays no part. It is tuned once: bootstrap resamples draw new forgotten and test images, but keep a and the
  population z.
- In scenario `class`, the unseen images and z are of the forgotten class, as in unbench.metrics.attacks.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from unbench.metrics.attacks import cross_entropy
from unbench.metrics.outputs import Examples, MissingValue, Model, RunOutputs, Split
from unbench.metrics.registry import Number, membership_attack, metric
from unbench.metrics.separation import Separation, separate
from unbench.metrics.shadows import References

RATE = 0.01
"""False-positive rate of the second number of RMIA."""

GAMMA = 1.0
"""Threshold of RMIA's pairwise ratio; the value of privacytrustlab/ml_privacy_meter."""

TRIES = np.linspace(0, 1, 11)
"""Values of a among which the attacker chooses, as ml_privacy_meter does."""

REHEARSALS = 4
"""Shadow models to choose it by; ml_privacy_meter takes one, which is noisy for small forget sets."""

LogProbabilities = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Of the label under one model, and of its mean over the OUT models; (N,) each."""


@dataclass(frozen=True)
class Signals:
    """One split under the audited model and under S shadow models.

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

    def audited(self) -> LogProbabilities:
        """Return the log-probabilities under the audited model and under all shadow models."""
        return self.log_p, _log_mean(self.shadow_log_p, self.out)

    def rehearsed(self, number: int, others: NDArray[np.bool_]) -> LogProbabilities:
        """Return the log-probabilities with a shadow model in place of the audited one and only some of the others."""
        return self.shadow_log_p[number], _log_mean(self.shadow_log_p[others], self.out[others])


def signals(run: RunOutputs, model: Model, references: References, split: Split) -> Signals:
    """Look at a split under a model of the run and the shadow models; in scenario `class`, only at that class.

    Raises:
        MissingValue: outputs are missing, of different examples, or not finite, or too few models are OUT.
    """
    examples = run.examples(model, split)
    shadows = references.of(split, examples.labels)
    out, log_p, shadow_log_p = references.out(split), -cross_entropy(examples), shadows.log_p
    if run.forget_class is not None:
        mask = examples.labels == run.forget_class
        examples, log_p, shadow_log_p, out = examples.where(mask), log_p[mask], shadow_log_p[:, mask], out[:, mask]
    return Signals(examples, log_p, shadow_log_p, out)


def separate_sides(
    members: Signals, others: Signals, scores: tuple[NDArray[np.floating], NDArray[np.floating]]
) -> Separation:
    """Separate members from others by their scores, rounded to float32 as in unbench.metrics.attacks."""
    inside, outside = (values.astype(np.float32) for values in scores)
    return separate(inside, outside, members.examples.weights, others.examples.weights, rates=(RATE,))


@membership_attack(needs="references")
def ratio_mia_auroc(run: RunOutputs, model: Model, references: References) -> Number:
    """Ratio attack (AUROC)

    AUROC, forget against test, of how much likelier the label is than under shadow models that never saw the image.
    Test images are judged by as many shadow models as forgotten ones.

    Formula: s(x) = log p_y(x) - log mean over OUT models of p_y(x)
    Source: ReGUn, arXiv 2603.11210, which calls it RMIA; equal numbers of OUT models are ours
    """
    members, others = (signals(run, model, references, split) for split in ("forget", "test"))
    inside, outside = (np.subtract(*side.audited()) for side in (members, others))
    return 100 * separate_sides(members, others, (inside, outside)).auroc


@membership_attack(needs="references")
def rmia_auroc(run: RunOutputs, model: Model, references: References) -> Number:
    """Robust membership inference (RMIA, AUROC)

    AUROC, forget against test, of the share of validation images that gain less than an image does from being judged by
    this model instead of by models that never saw it.

    Formula: s(x) = share of z in V with r(x) >= r(z), r(x) = p_y(x) / (((1+a) mean over OUT of p_y(x) + 1-a) / 2)
    Source: RMIA offline: Zarifzadeh et al., arXiv 2312.03262, with gamma = 1; a of 0, 0.1, ..., 1 is the one that
        attacks up to four of the shadow models best, on their own halves of the forget set; z are the validation images
    """
    return 100 * measured(run, model, references).auroc


@metric(like=rmia_auroc, ideal="equal to the oracle, near 1")
def rmia_tpr_at_1pct(run: RunOutputs, model: Model, references: References) -> Number:
    """Robust membership inference (RMIA, TPR at 1 % FPR)

    Share of the forget set that RMIA finds when it mistakes at most 1 % of the test set for forgotten.
    """
    return 100 * measured(run, model, references).tpr[RATE]


def measured(run: RunOutputs, model: Model, references: References) -> Separation:
    """Attack a model by RMIA, once for both of its numbers; a is chosen once for all models and resamples.

    Raises:
        MissingValue: as `signals` and `choose_a`; or no validation image is of the forgotten class.
    """

    def compute() -> Separation:
        members, others, population = (signals(run, model, references, split) for split in ("forget", "test", "val"))
        if len(population.examples) == 0:
            raise MissingValue("RMIA compares with validation images of the forgotten class, and there are none")
        a = run.plain.once(("rmia a", references), lambda: choose_a(members, population))
        of_z = log_ratio(*population.audited(), a)
        inside, outside = (share_below(log_ratio(*side.audited(), a), of_z) for side in (members, others))
        return separate_sides(members, others, (inside, outside))

    return run.once(("rmia", model, references), compute)


def choose_a(images: Signals, population: Signals) -> float:
    """Choose the a with which RMIA best tells images that a shadow model saw from others, on average over models.

    Each rehearsal attacks one shadow model with the help of the others, except the one with the complementary half,
    which is OUT for exactly what the first one saw. Nothing here depends on the audited model.

    Args:
        images: the forget set; its `out` shows what each shadow model was not trained on.
        population: images that no model was trained on.

    Raises:
        MissingValue: no shadow model can be attacked, because too few others are OUT or it saw all or none.
    """
    areas: list[list[Number]] = []
    for number, own in enumerate(images.out):
        others = (images.out != ~own).any(axis=1) & (np.arange(len(images.out)) != number)
        usable = images.out[others].any(axis=0)
        seen, unseen = ~own & usable, own & usable
        judged = population.out[others].any(axis=0)
        if not (seen.any() and unseen.any() and judged.any()):
            continue
        of_x, of_z = images.rehearsed(number, others), population.rehearsed(number, others)
        scores = [share_below(log_ratio(*of_x, a), log_ratio(*of_z, a)[judged]) for a in TRIES]
        areas.append([separate(values[seen], values[unseen]).auroc for values in scores])
        if len(areas) == REHEARSALS:
            break
    if not areas:
        raise MissingValue("RMIA cannot choose its a: too few shadow models, or images that they saw")
    return float(TRIES[np.asarray(areas).mean(axis=0).argmax()])


def log_ratio(log_p: NDArray[np.float64], log_mean_out: NDArray[np.float64], a: float) -> NDArray[np.float32]:
    """Compute the logarithm of p(x|model) / p(x), where p(x) is made from the mean over OUT models alone, (N,).

    Args:
        log_p: under the model, (N,).
        log_mean_out: logarithm of the mean probability over OUT models, (N,).
        a: 1 if models trained on x find it no likelier than others do, 0 if they are certain of it.

    >>> import numpy as np
    >>> float(np.exp(log_ratio(np.log([0.6]), np.log([0.2]), a=0.5))[0]).__round__(6)
    1.5
    """
    with np.errstate(divide="ignore"):
        prior = np.logaddexp(np.log((1 + a) / 2) + log_mean_out, np.log((1 - a) / 2))
    # As in unbench.metrics.attacks: what agrees to float32 is a tie.
    return (log_p - prior).astype(np.float32)


def share_below(log_ratios: NDArray[np.float32], of_population: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the share of the population (Z,) whose ratio times gamma an image reaches, 0 to 1, (N,).

    >>> import numpy as np
    >>> share_below(np.log([1.0, 3.0]).astype(np.float32), np.log([0.5, 1.0, 2.0, 4.0]).astype(np.float32))
    array([0.5 , 0.75])
    """
    needed = np.sort(of_population) + np.float32(np.log(GAMMA))
    return np.searchsorted(needed, log_ratios, side="right") / len(of_population)


def _log_mean(log_p: NDArray[np.float64], mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the logarithm of the mean of exp(log_p) in `mask`, over the first axis; minus infinity where empty."""
    with np.errstate(divide="ignore"):
        return np.asarray(logsumexp(np.where(mask, log_p, -np.inf), axis=0) - np.log(np.maximum(mask.sum(axis=0), 1)))
