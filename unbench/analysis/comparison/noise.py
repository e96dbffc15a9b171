"""The verdict on one number over the seeds that both sides have."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from unbench.analysis.comparison.measures import LEAST, Pair
from unbench.analysis.comparison.rule import ROUNDING
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
"""What a check for regressions fails on."""

ALPHA = 0.05
"""How rare one false alarm among all numbers of a call is meant to be."""

WEIGHT = 4
"""Seeds that the noise known beforehand counts for: the floor is a mean of four measures."""

FACTOR = 2
"""By which seconds and MiB must differ on every seed: the load of a machine is no matter of seeds, so no test of them
can know it."""


@dataclass
class Judged:
    """One number over the common seeds.

    Attributes:
        seeds: with a value on both sides.
        mean_a, mean_b, difference: means over them; difference is B minus A.
        noise: half-width of the difference's 95 % interval, of this number alone; None where it is not defined.
        ratio: geometric mean of B over A; None but for seconds and MiB.
        p_value: two-sided; None where there is no test.
        tested: whether it counts for Holm's correction.
        p_holm: the p-value corrected for all numbers that differ.
        verdict, note: what came out, and why.
    """

    seeds: int
    mean_a: float
    mean_b: float
    difference: float
    verdict: Verdict
    note: str = ""
    noise: float | None = None
    ratio: float | None = None
    p_value: float | None = None
    tested: bool = False
    p_holm: float | None = None


def judge(pairs: Mapping[int, Pair]) -> Judged:
    """What can be said of one number on its own; `settle` then corrects for all of them.

    Args:
        pairs: seed to the number of that seed, at least one, each with a value on both sides.
    """
    a = {seed: pair.a for seed, pair in pairs.items() if pair.a is not None}
    b = {seed: pair.b for seed, pair in pairs.items() if pair.b is not None}
    mean_a, mean_b = fmean(a.values()), fmean(b.values())
    found = Judged(len(pairs), mean_a, mean_b, fmean(b[seed] - a[seed] for seed in pairs), "same")
    measure = next(iter(pairs.values())).measure
    different = [pair.note for pair in pairs.values() if not pair.comparable]
    if a == b and not different:
        return found
    if different:
        found.verdict, found.note = "cannot tell", different[0]
    elif all(math.isclose(a[seed], b[seed], rel_tol=ROUNDING, abs_tol=ROUNDING) for seed in pairs):
        found.verdict, found.note = "within noise", "rounding"
    elif measure in LEAST:
        _judge_ratio(found, [(a[seed], b[seed]) for seed in pairs], LEAST[measure])
    else:
        _test(found, a, b, [pair.variance for pair in pairs.values() if pair.variance is not None])
    return found


def settle(found: Sequence[Judged]) -> None:
    """Correct the p-values of all numbers that were tested, by Holm's method, and set their verdicts."""
    tested = [each for each in found if each.tested]
    # A test without a p-value can never be significant, so it counts as 1.
    corrected = holm([1.0 if each.p_value is None else each.p_value for each in tested])
    for each, p in zip(tested, corrected, strict=True):
        if each.p_value is not None:
            each.p_holm = float(p)
            each.verdict = "changed" if each.p_holm < ALPHA else "within noise"


def _judge_ratio(found: Judged, values: Sequence[tuple[float, float]], least: float) -> None:
    ratios = [math.log(max(b, least) / max(a, least)) for a, b in values]
    found.ratio = math.exp(fmean(ratios))
    limit = math.log(FACTOR)
    beyond = min(ratios) >= limit or max(ratios) <= -limit
    found.verdict, found.note = ("changed" if beyond else "within noise"), f"{found.ratio:.3g} times"


def _test(found: Judged, a: Mapping[int, float], b: Mapping[int, float], variances: Sequence[float]) -> None:
    if not variances and found.seeds == 1:
        found.verdict, found.note = "cannot tell", "one seed, and its noise is not known"
        return
    found.tested = True
    if variances:
        differences = [b[seed] - a[seed] for seed in a]
        found.noise, found.p_value = joined_t_test(differences, fmean(variances), WEIGHT)
        return
    (compared,) = paired_differences({"B": b, "A": a})
    found.p_value = compared.p_value
    if compared.low is None or compared.high is None:
        found.verdict, found.note = "cannot tell", compared.reason
    else:
        found.noise = (compared.high - compared.low) / 2
