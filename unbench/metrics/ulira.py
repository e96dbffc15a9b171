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
  differ downwards. The AUROC compares scores of different targets only; else it would lose about 5/T points.

Variances are each group's own, drawn towards the mean variance of all groups: with few models an image's own is mostly
noise, and Carlini et al. (arXiv 2112.03570) use it from about 64 models on only. The fitted normals are widened by the
error of their means.

Bootstrap intervals draw anew both models and targets among the pairs that are scored (Owen, arXiv 0712.1111), because
scores of one model and scores of one target depend on each other. The normals stay: a model that is drawn twice would
otherwise be scored by its own copy. In simulations with 16 and 32 models and 100 targets such 95 % intervals hold the
true AUROC in 93 to 100 of 100 cases, while drawing models alone does so in 40 to 80.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from unbench.metrics.outputs import MissingValue
from unbench.metrics.registry import Number, metric
from unbench.metrics.shadows import ShadowOutputs
from unbench.seeds import derive_seed

PRIOR = 32
"""Models that the mean variance counts for: as many as a group of a pool of 64 has."""

LEAST = 2
"""Models of either kind that a target needs."""

_SIDES: tuple[Literal["left", "right"], ...] = ("left", "right")

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
    attack=True,
    title="U-LiRA (AUROC)",
    definition="Probability that a (model, image) pair scores higher if the model forgot the image than another if it "
    "never saw it. Of a method that does nothing this is LiRA.",
    ideal="50: forgotten and never seen cannot be told apart",
    **_RECORD,
)
def ulira_auroc(method: ShadowOutputs, oracle: ShadowOutputs) -> Number:
    """AUROC over pairs of different targets."""
    return _plain(100 * _Scored(method).auroc(), method)


@metric(
    name="ulira_balanced_acc",
    attack=True,
    title="U-LiRA (balanced accuracy)",
    definition="Share of (model, image) pairs for which the likelier of the two is true, averaged over forgotten and "
    "never seen, which are equally likely beforehand.",
    ideal="50: forgotten and never seen cannot be told apart",
    **_RECORD,
)
def ulira_balanced_acc(method: ShadowOutputs, oracle: ShadowOutputs) -> Number:
    """Balanced accuracy of the sign of the score; 0 counts half."""
    return _plain(100 * _Scored(method).balanced_accuracy(), method)


@metric(
    name="ulira_tpr_at_1pct",
    attack=True,
    title="U-LiRA (TPR at 1 % FPR)",
    definition="Share of forgotten pairs that are found when at most 1 % of never seen ones are taken for forgotten.",
    ideal="1: forgotten and never seen cannot be told apart",
    **_RECORD,
)
def ulira_tpr_at_1pct(method: ShadowOutputs, oracle: ShadowOutputs) -> Number:
    """True-positive rate at a false-positive rate of 1 %."""
    return _plain(100 * _Scored(method).tpr_at(0.01), method)


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


@dataclass(frozen=True)
class _Kind:
    """All pairs of a model and a target of one kind, from the lowest score up.

    Attributes:
        scores, models, targets: of each pair, (P,).
        share: how much it counts: 1 over the number of pairs that its target has of this kind, (P,).
    """

    scores: NDArray[np.float64]
    models: NDArray[np.int64]
    targets: NDArray[np.int64]
    share: NDArray[np.float64]

    @classmethod
    def of(cls, scores: NDArray[np.float64], group: NDArray[np.bool_]) -> _Kind:
        models, targets = np.nonzero(group)
        order = np.argsort(scores[group], kind="stable")
        return cls(scores[group][order], models[order], targets[order], 1 / group.sum(axis=0)[targets[order]])

    def counts(self, models: NDArray[np.float64], targets: NDArray[np.float64]) -> NDArray[np.float64]:
        """How much each pair counts if its model (M,) and its target (T,) were drawn so often, (P,)."""
        return self.share * models[self.models] * targets[self.targets]


class _Scored:
    """Scores of all targets that have models of both kinds. Results are shares, one for each resample, (B,)."""

    def __init__(self, outputs: ShadowOutputs) -> None:
        many = outputs.forgotten.sum(axis=0)
        usable = (many >= LEAST) & (len(outputs) - many >= LEAST)
        if not usable.any():
            raise MissingValue(f"no target was forgotten by {LEAST} shadow models and never seen by {LEAST} others")
        self.forgotten = outputs.forgotten[:, usable]
        scores = log_likelihood_ratios(outputs.phi[:, usable], self.forgotten)
        self.members, self.others = _Kind.of(scores, self.forgotten), _Kind.of(scores, ~self.forgotten)
        self.models, self.targets = self._draws(outputs.weights)

    def auroc(self) -> NDArray[np.float64]:
        """Over pairs of different targets."""
        if self.forgotten.shape[1] < 2:
            raise MissingValue("U-LiRA compares targets, and fewer than two of them have models of both kinds")
        members, others = self.members, self.others
        lower = [np.searchsorted(others.scores, members.scores, side=side) for side in _SIDES]
        # The same within each target: a target and the rank of a score as one number.
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
        in_target = [self.models @ np.where(group, 1 / group.sum(axis=0), 0) for group in self._groups]
        in_target = [self.targets * sums for sums in in_target]
        pairs = in_target[0].sum(axis=1) * in_target[1].sum(axis=1) - (in_target[0] * in_target[1]).sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(pairs > 1e-9, np.array(values) / pairs, np.nan)

    def balanced_accuracy(self) -> NDArray[np.float64]:
        """Of the sign; 0 counts half."""
        zero = (self.members.scores == 0) / 2, (self.others.scores == 0) / 2
        right = (self.members.scores > 0) + zero[0], (self.others.scores < 0) + zero[1]
        with np.errstate(invalid="ignore"):
            rates = [[kind @ hits / kind.sum() for kind, hits in zip(c, right, strict=True)] for c in self._counts()]
        return np.array(rates).mean(axis=1)

    def tpr_at(self, fpr: float) -> NDArray[np.float64]:
        """Highest share of members that score above all but this share of the others."""
        found = np.searchsorted(self.members.scores, self.others.scores, side="right")
        values = []
        for member_counts, other_counts in self._counts():
            total, alarms = member_counts.sum(), np.cumsum(other_counts[::-1])
            if total == 0 or alarms[-1] == 0:
                values.append(np.nan)
                continue
            # The highest other that is one too many: members must score above it.
            limit = len(alarms) - 1 - np.argmax(alarms > fpr * alarms[-1] + 1e-9)
            values.append(member_counts[found[limit] :].sum() / total)
        return np.array(values)

    @property
    def _groups(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        return self.forgotten, ~self.forgotten

    def _counts(self) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """How much each member and each other counts, resample by resample."""
        for draw in zip(self.models, self.targets, strict=True):
            yield self.members.counts(*draw), self.others.counts(*draw)

    def _draws(self, weights: NDArray[np.float32] | None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """How often each model, (B, M), and each target, (B, T), is drawn in each resample."""
        models, targets = self.forgotten.shape
        if weights is None:
            return np.ones((1, models)), np.ones((1, targets))
        rng = np.random.default_rng(derive_seed("bootstrap", "targets"))
        drawn = rng.multinomial(targets, np.full(targets, 1 / targets), size=len(weights))
        return weights.astype(np.float64), drawn.astype(np.float64)


def _running(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum of the first i counts, for i from 0 on, (P + 1,)."""
    return np.concatenate([[0.0], np.cumsum(counts)])


def _plain(values: NDArray[np.float64], outputs: ShadowOutputs) -> Number:
    return float(values[0]) if outputs.weights is None else values
