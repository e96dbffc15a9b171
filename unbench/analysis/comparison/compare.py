"""Everything that changed between two sides, as one table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, get_args

from unbench.analysis.comparison.context import circumstances
from unbench.analysis.comparison.measures import Pair, metric_pairs, row_pairs
from unbench.analysis.comparison.noise import Judged, Verdict, judge, settle
from unbench.analysis.comparison.sides import Cell, Row, Side, read_side
from unbench.analysis.rows.defaults import with_tuned_values
from unbench.analysis.rows.labels import row_labels, seed_words
from unbench.analysis.rows.reruns import ASKED
from unbench.analysis.rows.values import clean
from unbench.errors import SpecError

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "verdict",
    *ASKED,
    "label",
    "measure",
    "seeds",
    *("mean_a", "mean_b", "difference", "noise", "ratio", "p_holm", "note"),
)

_BADNESS = {"ok": 0, "skipped": 1}
"""Of a status; what went wrong counts 2."""

Line = dict[str, Any]


@with_tuned_values
def diff(a: Path | str, b: Path | str, *, log: Callable[[str], None] = lambda line: None) -> pd.DataFrame:
    """Which numbers changed beyond noise from A to B: results folders, or FOLDER@COMMIT for the runs of one commit.

    Runs are matched by what they mean (method, hyper-parameters, data set, scenario, preset, model, seed), whatever the
    versions; their numbers are paired by seed. Metrics that both sides have evaluated are compared as well, but for
    those of shadow models, which have no seeds to pair by.

    What counts as noise: a number changed if the t-test of the paired differences, with Holm's correction over all
    numbers of the call that differ by more than rounding, has p below 0.05. With few seeds their spread is itself
    guesswork, so the variance is joined with the noise that is known beforehand, which weighs as much as four more
    seeds: the noise floor for accuracies, MIA and gaps, the bootstrap intervals of A and B for evaluated metrics.
    That also judges one seed, and differences that are the same on every seed. Where no such noise is known, or it
    is 0, the plain paired t-test decides, and one seed or a constant difference "cannot tell". Seconds and MiB are
    ratios, and not tested, since the load of a machine is no matter of seeds: changed if every seed has at least
    twice or at most half as much, where less than 10 ms or 1 MiB counts as that; "cannot tell" on another device or
    number of threads. "within noise" says that nothing was shown, not that nothing changed: `noise` is what this
    number alone could have shown. On one seed, the verdict rests on the noise known beforehand alone: of a method
    less steady than retraining, the floor knows too little, and more seeds are the remedy.

    Args:
        a, b: results folders, or FOLDER@COMMIT with the beginning of the rows' git_commit.
        tell: is given a line about each thing that else differs.

    Returns:
        One row for each status, number and absence of a cell, with COLUMNS of unbench.analysis.comparison.compare:
        verdict, as in unbench.analysis.comparison.noise.Verdict and sorted by it; ASKED; label, the method as reports
        name it; measure, a column of a run's row, a metric, "status" or "run"; seeds, how many have it on both sides;
        means over these, or over the seeds of a number that is on one side only; difference, B minus A; noise, half its
        95 % interval; ratio; p_holm; note.

    Raises:
        StoreError: a folder is not there or holds no runs, or a file in it is corrupt.
        SpecError: no run is on both sides, or a commit is not there.
    """
    first, second = read_side(a, log), read_side(b, log)
    if not first.runs.keys() & second.runs.keys():
        raise SpecError(f"{a} and {b} have no run in common: no method, setting and seed is on both sides")
    return compare(first, second, log=log)


def compare(
    first: Side, second: Side, *, metrics: bool = True, log: Callable[[str], None] = lambda line: None
) -> pd.DataFrame:
    """The same for two sides that have been read; they need not have a run in common.

    Args:
        first, second: A and B.
        metrics: whether evaluated metrics are compared as well.
        tell: is given a line about what else differs.
    """
    import pandas as pd

    matched = {key: (first.runs[key], second.runs[key]) for key in sorted(first.runs.keys() & second.runs.keys())}
    ok = {key: rows for key, rows in matched.items() if rows[0]["status"] == rows[1]["status"] == "ok"}
    if said := circumstances(ok.values()):
        log(said)
    lines = [*_statuses(matched), *_alone(first, second), *_numbers(first, second, ok, metrics)]
    labels = _labels(first, second)
    order: tuple[str, ...] = get_args(Verdict)
    lines.sort(key=lambda line: (order.index(line["verdict"]), line["cell"]))
    rows = [{**dict(zip(ASKED, line["cell"], strict=True)), "label": labels[line["cell"]], **line} for line in lines]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def summary(frame: pd.DataFrame, words: Mapping[str, str] = MappingProxyType({})) -> str:
    """One line on what `diff` returned: how many runs were common, and how many rows have each verdict.

    Args:
        frame: of `diff`.
        words: what to call a verdict, where not by its own name.
    """
    runs = int(frame.loc[frame["measure"] == "status", "seeds"].sum())
    counts = frame.loc[(frame["measure"] != "status") | (frame["verdict"] != "same"), "verdict"].value_counts()
    order: tuple[str, ...] = get_args(Verdict)
    told = ", ".join(f"{counts[verdict]} {words.get(verdict, verdict)}" for verdict in order if verdict in counts)
    return f"{runs} common run{'' if runs == 1 else 's'}: {told or 'no numbers to compare'}"


def _statuses(matched: Mapping[tuple[Cell, int], tuple[Row, Row]]) -> Iterator[Line]:
    """A line for each change of status of a cell, and for what stayed."""
    groups: dict[tuple[Cell, str, str], list[tuple[int, Row]]] = {}
    for (cell, seed), (one, other) in matched.items():
        groups.setdefault((cell, one["status"], other["status"]), []).append((seed, other))
    for (cell, before, after), runs in groups.items():
        note = f"{before} to {after}, {seed_words(seed for seed, _ in runs)}" if before != after else before
        error = next((row["error"] for _, row in runs if row["error"]), "")
        yield {
            "cell": cell,
            "verdict": _status_verdict(before, after),
            "measure": "status",
            "seeds": len(runs),
            "note": clean(f"{note}: {error}" if error else note),
        }


def _status_verdict(before: str, after: str) -> Verdict:
    if before == after:
        return "same"
    change = _BADNESS.get(after, 2) - _BADNESS.get(before, 2)
    return "status worse" if change > 0 else "status better" if change < 0 else "status other"


def _alone(first: Side, second: Side) -> Iterator[Line]:
    """A line for each cell with runs on one side only."""
    verdicts: tuple[tuple[Side, Side, Verdict], ...] = ((first, second, "only in A"), (second, first, "only in B"))
    for one, other, verdict in verdicts:
        seeds: dict[Cell, list[int]] = {}
        for cell, seed in sorted(one.runs.keys() - other.runs.keys()):
            seeds.setdefault(cell, []).append(seed)
        for cell, found in seeds.items():
            yield {"cell": cell, "verdict": verdict, "measure": "run", "seeds": 0, "note": seed_words(found)}


def _numbers(first: Side, second: Side, ok: Mapping[tuple[Cell, int], tuple[Row, Row]], metrics: bool) -> list[Line]:
    """A line for each number of a cell, and for each that one side has lost."""
    groups: dict[tuple[Cell, str], dict[int, Pair]] = {}
    for (cell, seed), (one, other) in ok.items():
        evaluated = metric_pairs(first.metrics(one), second.metrics(other)) if metrics else ()
        for pair in (*row_pairs(one, other), *evaluated):
            groups.setdefault((cell, pair.measure), {})[seed] = pair
    lines: list[Line] = []
    judged: list[tuple[Cell, str, Judged]] = []
    for (cell, measure), pairs in groups.items():
        both = {seed: pair for seed, pair in pairs.items() if pair.a is not None and pair.b is not None}
        if both:
            judged.append((cell, measure, judge(both)))
        lines += _lost(cell, measure, pairs)
    settle([found for _, _, found in judged])
    return lines + [{"cell": cell, "measure": measure, **asdict(found)} for cell, measure, found in judged]


def _lost(cell: Cell, measure: str, pairs: Mapping[int, Pair]) -> Iterator[Line]:
    before = {seed: pair.a for seed, pair in pairs.items() if pair.a is not None and pair.b is None}
    after = {seed: pair.b for seed, pair in pairs.items() if pair.b is not None and pair.a is None}
    sides: tuple[tuple[Verdict, str, dict[int, float]], ...] = (
        ("only in A", "mean_a", before),
        ("only in B", "mean_b", after),
    )
    for verdict, mean, values in sides:
        if values:
            why = next((pairs[seed].note for seed in values if pairs[seed].note), "")
            note = clean(f"{seed_words(values)}: {why}" if why else seed_words(values))
            line = {"cell": cell, "verdict": verdict, "measure": measure, "seeds": 0, "note": note}
            yield {**line, mean: fmean(values.values())}


def _labels(first: Side, second: Side) -> dict[Cell, str]:
    """Cell to what reports call its method; versions and settings that are no part of a cell are out of it."""
    rows = {cell: row for side in (second, first) for (cell, _), row in side.runs.items()}
    # One of each for all, so that they name nothing: what differs in them is told of as a circumstance.
    apart = ("numerics_version", "dataset_version", "data_fingerprint", "model_options", "training")
    alike = [{**row, **dict.fromkeys(apart)} for row in rows.values()]
    newest: dict[str, int] = {}
    for row in alike:
        newest[row["method"]] = max(row["method_version"], newest.get(row["method"], 0))
    labels = row_labels([{**row, "method_version": newest[row["method"]]} for row in alike])
    return dict(zip(rows, labels, strict=True))
