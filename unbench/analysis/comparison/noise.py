"""Which numbers of a run are compared, how much each may differ by noise alone, and the verdict on it over the seeds.

Left out are the numbers of original and oracle, which all methods on one model share: one change would count many times
(`circumstances` reports it once). So is what a machine does besides unlearning, such as training.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean
from typing import Any, Literal

from unbench.analysis.comparison.rule import ROUNDING
from unbench.analysis.rows.values import json_object, present, sorted_json
from unbench.metrics import MEASURES
from unbench.metrics.uncertainty import holm, joined_t_test, paired_differences
from unbench.store.schema import COLUMNS, PATHWAYS, Row

Configuration = tuple[str, ...]
"""Values of a run in the columns ASKED: what was asked for, except the seed; JSON is as `sorted_json` writes it."""

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

FLOORED = (*MEASURES, "val_acc", "avg_gap", "val_gap", "avg_gap_floor")
"""Columns in points whose noise is that of the noise floor."""

UNFLOORED = (
    "forget_class_test_acc",
    *(f"{pathway}_{measure}" for pathway in PATHWAYS for measure in MEASURES),
    "pathway_sensitivity_val",
    "pathway_sensitivity_forget",
)
"""Columns of few examples, or of models without a second oracle: the floor does not apply to them."""

LEAST = {"unlearn_seconds": 0.01, "delete_seconds": 0.01, "peak_memory_mb": 1.0}
"""Columns that are compared as ratios, and the least that they count as: below it, clock and allocator jitter."""

CIRCUMSTANCES: dict[str, tuple[str, ...]] = {
    "data": ("data_fingerprint", "dataset_version"),
    "split": ("split_hash",),
    "training": ("training", "model_options", "stem", "key_encoder"),
    "method version": ("method_version",),
    "device or threads": ("device", "threads"),
    "torch version": ("torch_version",),
    "original model": tuple(f"original_{measure}" for measure in MEASURES),
    "oracle": tuple(f"oracle_{measure}" for measure in MEASURES),
}
"""What may differ besides the numbers that are compared, and the columns of a run that show it."""

_COLUMNS = {column.name for column in COLUMNS}
_TAIL = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True)
class PairedNumber:
    """One number of one run on both sides.

    Attributes:
        measure: a column of a run's row, or a metric.
        a, b: its values; None if there is none.
        variance: of b - a by noise alone, in the measure's unit squared; None if it is unknown.
        note: why a value is missing, or why the two cannot be compared, else "".
        comparable: whether both mean the same.
    """

    measure: str
    a: float | None
    b: float | None
    variance: float | None = None
    note: str = ""
    comparable: bool = True


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


def row_pairs(a: Row, b: Row) -> Iterator[PairedNumber]:
    """Pair the numbers of two ok rows, except those that neither has."""
    variance = _floor_variance(a, b)
    missing = [json_object(row["missing"]) for row in (a, b)]
    versions = [json_object(row["metric_versions"]) for row in (a, b)]
    moved = "another device or number of threads" if differ(a, b, CIRCUMSTANCES["device or threads"]) else ""
    for name in (*FLOORED, *UNFLOORED, *LEAST):
        values = _number(a[name]), _number(b[name])
        if values == (None, None):
            continue
        why = (str(of[name]) for of, value in zip(missing, values, strict=True) if value is None and name in of)
        apart = _redefined(*(of.get(name, 1) for of in versions)) or (moved if name in LEAST else "")
        yield PairedNumber(name, *values, variance if name in FLOORED else None, apart or next(why, ""), not apart)


def metric_pairs(a: Iterable[Row], b: Iterable[Row]) -> Iterator[PairedNumber]:
    """Pair the metrics of the unlearned model that both runs were evaluated for, without those in the rows.

    Args:
        a, b: rows with unbench.store.schema.METRIC_COLUMNS.
    """
    first, second = (
        {row["metric"]: row for row in rows if row["of"] == "unlearned" and row["metric"] not in _COLUMNS}
        for rows in (a, b)
    )
    for name in filter(second.__contains__, first):
        one, other = first[name], second[name]
        apart = _redefined(one["metric_version"], other["metric_version"])
        note = apart or one["missing"] or other["missing"] or ""
        values = _number(one["value"]), _number(other["value"])
        yield PairedNumber(name, *values, _bootstrap_variance(one, other), note, not apart)


def circumstances(pairs: Iterable[tuple[Row, Row]]) -> str:
    """Describe in one line what else differs, and in how many of the common runs; "" if nothing does.

    Args:
        pairs: the rows of runs on both sides.
    """
    known = list(pairs)
    counts = {what: sum(differ(a, b, columns) for a, b in known) for what, columns in CIRCUMSTANCES.items()}
    counted = ", ".join(f"{what} ({count})" for what, count in counts.items() if count)
    return f"what else differs, and in how many of {len(known)} common runs: {counted}" if counted else ""


def differ(a: Row, b: Row, columns: Iterable[str]) -> bool:
    """Return True if two rows differ in one of the columns by more than rounding; JSON is compared by its meaning."""
    return not all(_alike(a[name], b[name]) for name in columns)


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


def _alike(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=ROUNDING, abs_tol=ROUNDING)
    if isinstance(one, str) and isinstance(other, str):
        return sorted_json(one) == sorted_json(other)
    return bool(one == other)


def _redefined(before: int, after: int) -> str:
    return f"its definition went from version {before} to {after}" if before != after else ""


def _floor_variance(a: Row, b: Row) -> float | None:
    """Estimate the variance of the difference between two training runs that differ only in their seed.

    The floor is a mean of absolute differences, which for normal ones is sqrt(2 / pi) of their standard deviation. A
    floor of 0 does not promise that there is no noise: accuracies are coarse, and all may have come out at 100 %.
    """
    floors = [row["avg_gap_floor"] for row in (a, b) if present(row["avg_gap_floor"])]
    return math.pi / 2 * fmean(floors) ** 2 or None if floors else None


def _bootstrap_variance(a: Row, b: Row) -> float | None:
    """Estimate the variance of a difference from bootstrap intervals: the sum of both, as if drawn independently."""
    if not all(present(row[end]) for row in (a, b) for end in ("low", "high")):
        return None
    return sum(((row["high"] - row["low"]) / 2 / _TAIL) ** 2 for row in (a, b)) or None


def _number(value: Any) -> float | None:
    return float(value) if present(value) else None
