"""U-LiRA: an attacker made for each image asks whether a model forgot it or never saw it.

For each target two normals are fitted to scaled confidences after unlearning: over models that forgot it, and over
models that never saw it but forgot others. The score of a model is the logarithm of the likelihood ratio.

Why a method that leaves no trace comes out at 50, and not at what the attacker's own noise suggests:
- A model is scored by normals that were fitted without it. Leaving out this model alone would always make its own group
  the smaller one, which shows in the score. So one model of the other group is left out with it: the one of the same
  rank, which for pools of complementary halves is the model with the other half. What remains says nothing about the
  group of the one that is scored.
- Each target counts the same among forgotten and among never seen, whatever the sizes of its groups.
- Scores of one target were fitted on each other's models, hence models that differ upwards by chance are expected to
  differ downwards. The AUROC compares scores of different targets only.

Variances are each group's own, drawn towards the mean variance of all groups: with few models an image's own is mostly
noise, and Carlini et al. (arXiv 2112.03570, Section VI) find that it pays from about 64 models on. The fitted normals
are widened by the error of their means.

Bootstrap intervals draw models anew among those that are scored; the normals stay. A model that is drawn twice would
otherwise be scored by its own copy.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unbench.metrics.outputs import MissingValue
from unbench.metrics.registry import Number, metric
from unbench.metrics.shadows import ShadowOutputs
from unbench.metrics.weighted import Roc

PRIOR = 32
"""Models that the mean variance counts for: as many as a group of a pool of 64 has."""

LEVELS = 10_000
"""Scores are told apart at so many levels; more make no difference to a percentage."""

_SMALLEST = 1e-8
"""Least variance, for methods whose outputs do not vary over models."""

_RECORD = {
    "formula": "s = log N(phi; forgot) - log N(phi; never saw), phi = log p_y - log(1 - p_y)",
    "unit": "percent",
    "bounds": (0, 100),
    "source": "U-LiRA: Hayes et al., arXiv 2403.01218; which models are left out of a fit, and the shrunken variances, "
    "are part of unbench",
    "needs": "shadows",
    "models": ("unlearned",),
}


@metric(
    name="ulira_auroc",
    title="U-LiRA (AUROC)",
    definition="Probability that a (model, image) pair scores higher if the model forgot the image than another if it "
    "never saw it. Of a method that does nothing this is LiRA.",
    ideal="50: forgotten and never seen cannot be told apart",
    **_RECORD,
)
def ulira_auroc(method: ShadowOutputs, oracle: ShadowOutputs) -> Number:
    """AUROC over pairs of different targets."""
    scored = _Scored(method)
    return _of_models(100 * scored.auroc(_weights(method)), method)


@metric(
    name="ulira_balanced_acc",
    title="U-LiRA (balanced accuracy)",
    definition="Share of (model, image) pairs for which the likelier of the two is true, averaged over forgotten and "
    "never seen, which are equally likely beforehand.",
    ideal="50: forgotten and never seen cannot be told apart",
    **_RECORD,
)
def ulira_balanced_acc(method: ShadowOutputs, oracle: ShadowOutputs) -> Number:
    """Balanced accuracy of the sign of the score; 0 counts half."""
    scored = _Scored(method)
    return _of_models(100 * scored.balanced_accuracy(_weights(method)), method)


@metric(
    name="ulira_tpr_at_1",
    title="U-LiRA (TPR at 1 % FPR)",
    definition="Share of forgotten pairs that are found when at most 1 % of never seen ones are taken for forgotten.",
    ideal="1: forgotten and never seen cannot be told apart",
    **_RECORD,
)
def ulira_tpr_at_1(method: ShadowOutputs, oracle: ShadowOutputs) -> Number:
    """True-positive rate at a false-positive rate of 1 %."""
    scored = _Scored(method)
    return _of_models(100 * scored.tpr_at(0.01, _weights(method)), method)


def log_likelihood_ratios(phi: NDArray[np.float64], forgotten: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Score of each model and target in nats, higher if the model looks as if it forgot, float64 (M, T).

    Rounded to 1e-6: where nothing differs, the last digits of sums would order models at random.

    Args:
        phi: scaled confidences after unlearning, finite, (M, T).
        forgotten: at least two models forgot each target and at least two never saw it, (M, T).
    """
    values = phi - phi.mean(axis=0)
    partner = _partners(forgotten)
    left_out = np.take_along_axis(values, partner, axis=0)
    mean_variance = _mean_variance(values, forgotten)
    parts = []
    for group in (forgotten, ~forgotten):
        # What this group loses: the scored model where it belongs to it, else the scored model's partner.
        lost = np.where(group, values, left_out)
        size = group.sum(axis=0) - 1
        mine = np.where(group, values, 0)
        total = mine.sum(axis=0) - lost
        squares = (mine**2).sum(axis=0) - lost**2
        centre = total / size
        scatter = np.maximum(squares - size * centre**2, 0)
        variance = (PRIOR * mean_variance + scatter) / (PRIOR + size - 1)
        variance = np.maximum(variance, _SMALLEST) * (1 + 1 / size)
        parts.append(-((values - centre) ** 2 / variance + np.log(variance)) / 2)
    return np.round(parts[0] - parts[1], 6)


def _mean_variance(values: NDArray[np.float64], forgotten: NDArray[np.bool_]) -> float:
    """Within groups, over all targets and both groups."""
    scatter, degrees = 0.0, 0
    for group in (forgotten, ~forgotten):
        size = group.sum(axis=0)
        centre = np.where(group, values, 0).sum(axis=0) / size
        scatter += float((np.where(group, values - centre, 0) ** 2).sum())
        degrees += int((size - 1).sum())
    return scatter / degrees


def _partners(forgotten: NDArray[np.bool_]) -> NDArray[np.int64]:
    """For each model and target the model of the other group with the same rank in it, counted round, (M, T)."""
    order = np.argsort(~forgotten, axis=0, kind="stable")  # those that forgot first, each group in order
    many = forgotten.sum(axis=0)
    rank = np.where(forgotten, forgotten.cumsum(axis=0), (~forgotten).cumsum(axis=0)) - 1
    place = np.where(forgotten, many + rank % (len(forgotten) - many), rank % many)
    return np.take_along_axis(order, place, axis=0)


class _Scored:
    """Scores of all pairs, sorted into levels, and what they sum to for each model."""

    def __init__(self, outputs: ShadowOutputs) -> None:
        many = outputs.forgotten.sum(axis=0)
        usable = (many >= 2) & (len(outputs) - many >= 2)
        if not usable.any():
            raise MissingValue("no target was forgotten by two shadow models and never seen by two others")
        self.forgotten = outputs.forgotten[:, usable]
        scores = log_likelihood_ratios(outputs.phi[:, usable], self.forgotten)
        self.right = np.where(self.forgotten, scores > 0, scores < 0) + (scores == 0) / 2
        self.level, count = _levels(scores)
        sizes = self.forgotten.sum(axis=0)
        self.share = np.where(self.forgotten, 1 / sizes, 1 / (len(outputs) - sizes))  # (M, T)
        self.members = self._histogram(self.forgotten, count)
        self.others = self._histogram(~self.forgotten, count)

    def auroc(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Over pairs of different targets, 0 to 1, (B,), for models that count `weights` (B, M)."""
        if self.forgotten.shape[1] < 2:
            raise MissingValue("U-LiRA compares images, and only one was seen by some shadow models and not by others")
        below = self.others.cumsum(axis=1) - self.others / 2
        wins = self.members @ below.T
        pairs = np.outer(self.members.sum(axis=1), self.others.sum(axis=1))
        for number, mine in enumerate(self.forgotten):
            level, mine_level = self.level[:, mine], self.level[number, mine]
            counts = np.where(self.forgotten[:, mine], 0, self.share[:, mine]) * self.share[number, mine]
            better = np.where(level < mine_level, counts, 0) + np.where(level == mine_level, counts / 2, 0)
            wins[number] -= better.sum(axis=1)
            pairs[number] -= counts.sum(axis=1)
        with np.errstate(invalid="ignore"):
            return np.asarray(((weights @ wins) * weights).sum(axis=1) / ((weights @ pairs) * weights).sum(axis=1))

    def balanced_accuracy(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """0 to 1, (B,)."""
        rates = []
        with np.errstate(invalid="ignore"):
            for group in (self.forgotten, ~self.forgotten):
                counts = np.where(group, self.share, 0)
                rates.append(weights @ (counts * self.right).sum(axis=1) / (weights @ counts.sum(axis=1)))
        return np.asarray((rates[0] + rates[1]) / 2)

    def tpr_at(self, fpr: float, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """0 to 1, (B,)."""
        members, others = (
            np.pad(np.cumsum((weights @ counts)[:, ::-1], axis=1), ((0, 0), (1, 0)))
            for counts in (self.members, self.others)
        )
        return np.asarray(Roc(members, others).tpr_at(fpr))

    def _histogram(self, group: NDArray[np.bool_], count: int) -> NDArray[np.float64]:
        """How much of the group each model has at each level, (M, L)."""
        places = np.arange(len(group))[:, None] * count + self.level
        sums = np.bincount(places[group], self.share[group], minlength=len(group) * count)
        return sums.astype(np.float64).reshape(len(group), count)


def _levels(scores: NDArray[np.float64]) -> tuple[NDArray[np.int64], int]:
    """Rank of each score among the distinct ones, or among LEVELS of these, and how many levels there are."""
    edges = np.unique(scores)
    if len(edges) > LEVELS:
        edges = edges[np.linspace(0, len(edges) - 1, LEVELS).astype(np.int64)]
    return np.searchsorted(edges, scores, side="right").astype(np.int64) - 1, len(edges)


def _weights(outputs: ShadowOutputs) -> NDArray[np.float64]:
    return np.ones((1, len(outputs))) if outputs.weights is None else outputs.weights.astype(np.float64)


def _of_models(values: NDArray[np.float64], outputs: ShadowOutputs) -> Number:
    return float(values[0]) if outputs.weights is None else values
