"""What the rows of a report are ranked by: the Average Gap, or the distance of another metric to its ideal."""

import re
from dataclasses import dataclass, replace
from typing import Literal

from unbench.analysis.board.leaderboard import VALUES
from unbench.errors import UnknownNameError
from unbench.metrics import METRICS, Metric

_NOT_RANKED = "The oracle, rows of outdated versions and rows without {what} have no rank."
_GAP_RULE = (
    "Rank 1 is best. Within a cell a lower gap is better; rows whose gap is within the noise floor are tied at the "
    f"top, and ties get their average rank. {_NOT_RANKED.format(what='a gap')}"
)


@dataclass(frozen=True)
class RankBasis:
    """What rows are ranked by; the lowest is best.

    Attributes:
        metric: the column that is shown in every table and set side by side over cells.
        ranked: the column whose mean is ranked: `avg_gap`, or `distance` where that of the metric is.
        rule: how ranks come about, in words.
    """

    metric: str = "avg_gap"
    ranked: Literal["avg_gap", "distance"] = "avg_gap"
    rule: str = _GAP_RULE

    @property
    def by_seed(self) -> str:
        """The column of what is ranked, by seed, as JSON."""
        return "gap_by_seed" if self.ranked == "avg_gap" else "distance_by_seed"


BY_GAP = RankBasis()
"""The basis unless another metric is asked for."""


def rank_basis(name: str) -> RankBasis:
    """Return what a report ranks by when it is asked for a metric or a column of the leaderboard.

    A metric whose ideal is the oracle's value is ranked by its distance to that, one whose ideal is a number by its
    distance to the number. Any other is shown, and the ranks stay those by the gap; the rule says why.

    Raises:
        UnknownNameError: there is no such metric or column; the message offers the nearest name.
    """
    if name == BY_GAP.metric:
        return BY_GAP
    if name not in METRICS:
        if name not in VALUES:
            raise UnknownNameError("metric or number of the leaderboard", name, sorted({*METRICS, *VALUES}))
        return replace(BY_GAP, metric=name, rule=_unranked(name, "it is no metric with an ideal"))
    metric = METRICS[name]
    ideal = ideal_of(metric)
    if ideal is None:
        why = f"its ideal ({metric.ideal}) is neither a number nor the oracle's value"
        return replace(BY_GAP, metric=name, rule=_unranked(name, why))
    pooled = metric.needs == "shadows"
    place = "in the same pool of shadow models" if pooled else "of the same seed"
    target = f"the oracle's value {place}" if ideal == "oracle" else f"{ideal:g}, its ideal"
    rule = (
        f"Rank 1 is best. Rows are ranked by {name}: by the distance of its value to {target}"
        f"{'' if pooled else ', averaged over seeds'}; a smaller distance is better. It has no noise floor here, so "
        f"only equal distances are tied; ties get their average rank. {_NOT_RANKED.format(what='a distance')}"
    )
    return RankBasis(name, "distance", rule)


def ideal_of(metric: Metric) -> float | Literal["oracle"] | None:
    """Return the number that is a metric's ideal, "oracle" if it is the oracle's value, or None if it is neither."""
    if metric.ideal.startswith(("equal to the oracle", "that of retraining")):
        return "oracle"
    number = re.match(r"-?\d+(\.\d+)?(?=$|[,:])", metric.ideal)
    return float(number[0]) if number else None


def _unranked(name: str, why: str) -> str:
    return f"{_GAP_RULE} {name} is shown but not ranked: {why}."
