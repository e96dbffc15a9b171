"""The verdict on one number over the seeds that both sides have."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from unbench.analysis.comparison.measures import LEAST, PairedNumber
from unbench.analysis.comparison.rule import ROUNDING
from unbench.analysis.comparison.sides import Configuration
from unbench.metrics.uncertainty import holm, joined_t_test, paired_differences

Verdict = Literal[
    "status worse",
    "status better",
    "status other",
    "changed",
    "cannot tell",
    "only in A",
    "only in B",
    "within noise",
    "same",
]
"""In the order in which a reader wants them."""

ALARMS: tuple[Verdict, ...] = ("status worse", "changed")
"""Verdicts that fail a check for regressions."""

ALPHA = 0.05
"""Probability of a false alarm among all numbers of a call."""

WEIGHT = 4
"""Number of seeds that the noise known beforehand counts as: the floor is a mean of four measures."""

FACTOR = 2
"""By which seconds and MiB must differ on every seed: the load of a machine does not depend on the seed, so no test of
seeds can measure it."""


@dataclass
class Finding:
    """One row of a comparison: a number, a status, or runs on one side only.

    Attributes:
        configuration: what was asked for, except the seed.
        measure: a column of a run's row, a metric, "status" or "run".
        verdict, note: the outcome, and why.
        seeds: with a value on both sides.
        mean_a, mean_b, difference: means over them; difference is B minus A.
        noise: half-width of the difference's 95 % interval, of this number alone; None if it is not defined.
        ratio: geometric mean of B over A, for seconds and MiB; else None.
        p_value: two-sided; None if there is no test.
        tested: whether it counts for Holm's correction.
        p_holm: the p-value corrected for all numbers that differ.
    """

    configuration: Configuration
    measure: str
    verdict: Verdict
    seeds: int = 0
    note: str = ""
    mean_a: float | None = None
    mean_b: float | None = None
    difference: float | None = None
    noise: float | None = None
    ratio: float | None = None
    p_value: float | None = None
    tested: bool = False
    p_holm: float | None = None


def judge(configuration: Configuration, measure: str, pairs: Sequence[PairedNumber]) -> Finding:
    """Judge one number by itself; `settle` then corrects for all of them.

    Args:
        configuration: of the runs.
        measure: the number's name.
        pairs: the number on each seed, at least one, each with a value on both sides.
    """
    values = [(pair.a, pair.b) for pair in pairs if pair.a is not None and pair.b is not None]
    a, b = zip(*values, strict=True)
    found = Finding(configuration, measure, "same", len(values), mean_a=fmean(a), mean_b=fmean(b))
    found.difference = fmean(after - before for before, after in values)
    different = [pair.note for pair in pairs if not pair.comparable]
    if different:
        found.verdict, found.note = "cannot tell", different[0]
    elif a == b:
        pass
    elif all(math.isclose(*pair, rel_tol=ROUNDING, abs_tol=ROUNDING) for pair in values):
        found.verdict, found.note = "within noise", "rounding"
    elif measure in LEAST:
        _judge_ratio(found, values)
    else:
        _test(found, values, [pair.variance for pair in pairs if pair.variance is not None])
    return found


def settle(found: Iterable[Finding]) -> None:
    """Correct the p-values of all numbers that were tested, by Holm's method, and set their verdicts."""
    tested = [each for each in found if each.tested]
    for each, p in zip(tested, holm([each.p_value for each in tested]), strict=True):
        if each.p_value is not None:
            each.p_holm = float(p)
            each.verdict = "changed" if each.p_holm < ALPHA else "within noise"


def _judge_ratio(found: Finding, values: Sequence[tuple[float, float]]) -> None:
    least = LEAST[found.measure]
    ratios = [math.log(max(b, least) / max(a, least)) for a, b in values]
    found.ratio = math.exp(fmean(ratios))
    limit = math.log(FACTOR)
    beyond = min(ratios) >= limit or max(ratios) <= -limit
    found.verdict, found.note = ("changed" if beyond else "within noise"), f"{found.ratio:.3g} times"


def _test(found: Finding, values: Sequence[tuple[float, float]], variances: Sequence[float]) -> None:
    if not variances and found.seeds == 1:
        found.verdict, found.note = "cannot tell", "one seed, and its noise is not known"
        return
    found.tested = True
    if variances:
        found.noise, found.p_value = joined_t_test([b - a for a, b in values], fmean(variances), WEIGHT)
        return
    a, b = (dict(enumerate(side)) for side in zip(*values, strict=True))
    (compared,) = paired_differences({"B": b, "A": a})
    found.p_value = compared.p_value
    if compared.low is None or compared.high is None:
        found.verdict, found.note = "cannot tell", compared.reason
    else:
        found.noise = (compared.high - compared.low) / 2
