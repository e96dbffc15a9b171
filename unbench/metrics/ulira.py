"""U-LiRA: an attacker, made for each image, asks whether a model forgot the image or never saw it.

For each target, two normals are fitted to scaled confidences after unlearning: over the models that forgot it, and over
the models that never saw it but forgot others. The score of a model is the logarithm of the likelihood ratio.

Why a method that leaves no trace comes out at 50, and not at what the attacker's own noise suggests:
- A model is scored by normals that were fitted without it. Leaving out this model alone would always make its own group
  the smaller one, which shows in the score. So one model of the other group is left out with it: the one of the same
  rank, which for pools of complementary halves is the model with the other half. What remains contains no hint of the
  scored model's group.
- Each target counts the same among forgotten and among never seen, whatever the sizes of its groups.
- Scores of one target were fitted on each other's models, hence models that differ upwards by chance are expected to
  differ downwards. The AUROC compares only scores of different targets; else it would lose about 5/T points.

Variances are each group's own, drawn towards the mean variance of all groups. With few models, an image's own variance
is mostly noise; Carlini et al. (arXiv 2112.03570) use it only from about 64 models. The fitted normals are widened by
the error of their means.

Bootstrap intervals resample both the models and the targets among the scored pairs (Owen, arXiv 0712.1111), because
scores of one model and scores of one target depend on each other. The normals stay: a model that is drawn twice would
otherwise be scored by its own copy. In simulations with 16 and 32 models and 100 targets, such 95 % intervals hold the
true AUROC in 93 to 100 of 100 cases; intervals from resampled models alone do so in 40 to 80.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from unbench.config.seeds import derive_seed
from unbench.metrics.outputs import MissingValue
from unbench.metrics.registry import Number, metric, of_shadows
from unbench.metrics.shadows import ShadowOutputs
from unbench.metrics.weighted import unpacked

PRIOR = 32
"""Number of models that the mean variance counts as: the size of a group in a pool of 64."""

LEAST = 2
"""Models of either kind that a target needs."""

_SIDES: tuple[Literal["left", "right"], ...] = ("left", "right")

_SMALLEST = 1e-8
"""Least variance, for methods whose outputs do not vary over models."""


@of_shadows(
    unit="percent",
    bounds=(0, 100),
    ideal="50: forgotten and never seen cannot be told apart",
    interval=True,
    attack=True,
)
def ulira_auroc(method: ShadowOutputs, oracle: ShadowOutputs) -> Number:
    """U-LiRA (AUROC)

    Probability that a (model, image) pair whose model forgot the image scores higher than a pair whose model never saw
    it. For a method that does nothing, this is LiRA.

    Formula: s = log N(phi; forgot) - log N(phi; never saw), phi = log p_y - log(1 - p_y)
    Source: U-LiRA: Hayes et al., arXiv 2403.01218; which models are left out of a fit, and the shrunken variances, are
        part of unbench
    """
    return unpacked(100 * _Scored(method).auroc(), method.weights is None)


@metric(like=ulira_auroc)
def ulira_balanced_acc(method: ShadowOutputs, oracle: ShadowOutputs) -> Number:
    """U-LiRA (balanced accuracy)

    Share of (model, image) pairs for which the likelier of the two is true, averaged over forgotten and never seen,
    which are equally likely a priori.
    """
    return unpacked(100 * _Scored(method).balanced_accuracy(), method.weights is None)


@metric(like=ulira_auroc, ideal="1: forgotten and never seen cannot be told apart")
def ulira_tpr_at_1pct(method: ShadowOutputs, oracle: ShadowOutputs) -> Number:
    """U-LiRA (TPR at 1 % FPR)

    Share of forgotten pairs found when at most 1 % of the never seen pairs are mistaken for forgotten.
    """
    return unpacked(100 * _Scored(method).tpr_at(0.01), method.weights is None)


def log_likelihood_ratios(phi: NDArray[np.float64], forgotten: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Score each model and target in nats, higher if the model looks as if it forgot, float64 (M, T).

    Scores are rounded to 1e-6: where nothing differs, the last digits of sums would order models at random.

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
        # This group loses the scored model if it belongs to it, else the scored model's partner.
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
    """Compute the mean variance within groups, over all targets and both groups."""
    scatter, degrees = 0.0, 0
    for group in (forgotten, ~forgotten):
        size = group.sum(axis=0)
        centre = np.where(group, values, 0).sum(axis=0) / size
        scatter += float((np.where(group, values - centre, 0) ** 2).sum())
        degrees += int((size - 1).sum())
    return scatter / degrees


def _partners(forgotten: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Find for each model and target the model of the same rank in the other group, cyclically, (M, T)."""
    order = np.argsort(~forgotten, axis=0, kind="stable")  # those that forgot first, each group in order
    many = forgotten.sum(axis=0)
    rank = np.where(forgotten, forgotten.cumsum(axis=0), (~forgotten).cumsum(axis=0)) - 1
    place = np.where(forgotten, many + rank % (len(forgotten) - many), rank % many)
    return np.take_along_axis(order, place, axis=0)


@dataclass(frozen=True)
class _Pairs:
    """All pairs of a model and a target of one kind, forgotten or never seen, from the lowest score up.

    Attributes:
        scores, models, targets: of each pair, (P,).
        share: weight of each pair: 1 over the number of pairs that its target has of this kind, (P,).
    """

    scores: NDArray[np.float64]
    models: NDArray[np.int64]
    targets: NDArray[np.int64]
    share: NDArray[np.float64]

    @classmethod
    def of(cls, scores: NDArray[np.float64], group: NDArray[np.bool_]) -> _Pairs:
        """Take the pairs in `group` (M, T) with their scores (M, T)."""
        models, targets = np.nonzero(group)
        order = np.argsort(scores[group], kind="stable")
        return cls(scores[group][order], models[order], targets[order], 1 / group.sum(axis=0)[targets[order]])

    def counts(self, models: NDArray[np.float64], targets: NDArray[np.float64]) -> NDArray[np.float64]:
        """Weight each pair by how often its model (M,) and its target (T,) were drawn, (P,)."""
        return self.share * models[self.models] * targets[self.targets]


class _Scored:
    """Scores of all targets that have models of both kinds; results are shares, one for each resample, (B,)."""

    def __init__(self, outputs: ShadowOutputs) -> None:
        usable = outputs.targets(LEAST)
        self.forgotten = outputs.forgotten[:, usable]
        scores = log_likelihood_ratios(outputs.phi[:, usable], self.forgotten)
        self.members, self.others = _Pairs.of(scores, self.forgotten), _Pairs.of(scores, ~self.forgotten)
        self.models, self.targets = self._draws(outputs.weights)

    def auroc(self) -> NDArray[np.float64]:
        """Compare pairs of different targets."""
        if self.forgotten.shape[1] < 2:
            raise MissingValue("U-LiRA compares targets, and fewer than two of them have models of both kinds")
        members, others = self.members, self.others
        lower = [np.searchsorted(others.scores, members.scores, side=side) for side in _SIDES]
        # The same within each target: one number holds a target and the rank of a score.
        levels = np.unique(np.concatenate([members.scores, others.scores]))
        theirs = others.targets * len(levels) + np.searchsorted(levels, others.scores)
        mine = members.targets * len(levels) + np.searchsorted(levels, members.scores)
        by_target = np.argsort(theirs, kind="stable")
        lower_same = [np.searchsorted(theirs[by_target], mine, side=side) for side in _SIDES]
        first_same = np.searchsorted(theirs[by_target], members.targets * len(levels))
        values = []
        for member_counts, other_counts in self._counts():
            below, same = _running(other_counts), _running(other_counts[by_target])
            wins = sum(below[place] for place in lower) / 2 - sum(same[place] for place in lower_same) / 2
            values.append(member_counts @ (wins + same[first_same]))
        forgot, unseen = (
            self.targets * (self.models @ np.where(group, 1 / group.sum(axis=0), 0))
            for group in (self.forgotten, ~self.forgotten)
        )
        pairs = forgot.sum(axis=1) * unseen.sum(axis=1) - (forgot * unseen).sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(pairs > 1e-9, np.array(values) / pairs, np.nan)

    def balanced_accuracy(self) -> NDArray[np.float64]:
        """Judge by the sign; 0 counts half."""
        right = np.heaviside(self.members.scores, 0.5), np.heaviside(-self.others.scores, 0.5)
        with np.errstate(invalid="ignore"):
            rates = [[kind @ hits / kind.sum() for kind, hits in zip(c, right, strict=True)] for c in self._counts()]
        return np.array(rates).mean(axis=1)

    def tpr_at(self, fpr: float) -> NDArray[np.float64]:
        """Return the highest share of members that score above all but this share of the others."""
        found = np.searchsorted(self.members.scores, self.others.scores, side="right")
        values = []
        for member_counts, other_counts in self._counts():
            total, alarms = member_counts.sum(), np.cumsum(other_counts[::-1])
            if total == 0 or alarms[-1] == 0:
                values.append(np.nan)
                continue
            # The highest other that would be one too many: members must score above it.
            limit = len(alarms) - 1 - np.argmax(alarms > fpr * alarms[-1] + 1e-9)
            values.append(member_counts[found[limit] :].sum() / total)
        return np.array(values)

    def _counts(self) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """Yield the weights of members and of others, resample by resample."""
        for draw in zip(self.models, self.targets, strict=True):
            yield self.members.counts(*draw), self.others.counts(*draw)

    def _draws(self, weights: NDArray[np.float32] | None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Draw each model, (B, M), and each target, (B, T), so often in each resample."""
        models, targets = self.forgotten.shape
        if weights is None:
            return np.ones((1, models)), np.ones((1, targets))
        rng = np.random.default_rng(derive_seed("bootstrap", "targets"))
        drawn = rng.multinomial(targets, np.full(targets, 1 / targets), size=len(weights))
        return weights.astype(np.float64), drawn.astype(np.float64)


def _running(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum the first i counts, for i from 0 on, (P + 1,)."""
    return np.concatenate([[0.0], np.cumsum(counts)])
