"""Everything that changed between two sides, as one table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, get_args

from unbench.analysis.comparison.noise import (
    Configuration,
    Finding,
    PairedNumber,
    Verdict,
    circumstances,
    judge,
    metric_pairs,
    row_pairs,
    settle,
)
from unbench.analysis.rows.defaults import tuned_values_of
from unbench.analysis.rows.labels import row_labels, seed_words
from unbench.analysis.rows.reruns import ASKED, newest_reruns
from unbench.analysis.rows.values import clean, plain_records
from unbench.errors import SpecError, StoreError, UnknownNameError
from unbench.store.metric_rows import read_metric_rows
from unbench.store.results import Store, load_results, newest_attempts
from unbench.store.schema import Row

if TYPE_CHECKING:
    import pandas as pd

NUMBERS = ("mean_a", "mean_b", "difference", "noise", "ratio", "p_holm")

COLUMNS = ("verdict", *ASKED, "label", "measure", "seeds", *NUMBERS, "note")

_ORDER: tuple[Verdict, ...] = get_args(Verdict)

_BADNESS = {"ok": 0, "skipped": 1}
"""Of a status; every failure counts 2."""


@dataclass(frozen=True)
class Side:
    """One side of a comparison.

    Attributes:
        store: its results folder.
        runs: configuration and seed to the one row that represents them.
    """

    store: Store
    runs: dict[tuple[Configuration, int], Row]

    def metrics(self, row: Row) -> list[Row]:
        """Read the evaluated metrics of this attempt, with METRIC_COLUMNS; none if it was not evaluated."""
        return [vars(one) for one in read_metric_rows(self.store.metrics_path(row))]


def diff(a: Path | str, b: Path | str, *, log: Callable[[str], None] = lambda line: None) -> pd.DataFrame:
    """Find the numbers that changed beyond noise from A to B: results folders, or FOLDER@COMMIT for one commit's runs.

    Runs are matched by what they mean (method, hyper-parameters, data set, scenario, preset, model, seed), whatever the
    versions; their numbers are paired by seed. Metrics that both sides have evaluated are compared as well, except
    those of shadow models, which have no seeds to pair by.

    What counts as noise: a number changed if the t-test of the paired differences, with Holm's correction over all
    numbers of the call that differ by more than rounding, has p below 0.05. With few seeds their spread is itself
    guesswork, so the variance is joined with the noise that is known beforehand, which weighs as much as four more
    seeds: the noise floor for accuracies, MIA and gaps, the bootstrap intervals of A and B for evaluated metrics. This
    also makes it possible to judge one seed, and differences that are the same on every seed. If no such noise is
    known, or it is 0, the plain paired t-test decides, and one seed or a constant difference "cannot tell". Seconds and
    MiB are ratios, and not tested, since the load of a machine does not depend on the seed: changed if every seed has
    at least twice or at most half as much, where less than 10 ms or 1 MiB counts as that; "cannot tell" on another
    device or number of threads. "within noise" means that nothing was shown, not that nothing changed: `noise` is what
    this number alone could have shown. On one seed, the verdict rests only on the noise known beforehand: for a method
    less steady than retraining, the floor is too low, and more seeds are the remedy.

    Args:
        a, b: results folders, or FOLDER@COMMIT with the beginning of the rows' git_commit.
        log: takes a line about each thing that else differs.

    Returns:
        One row for each status, number and absence of a configuration, with COLUMNS of
        unbench.analysis.comparison.compare: verdict, as in unbench.analysis.comparison.noise.Verdict and sorted by it;
        ASKED; label, the method as reports name it; measure, a column of a run's row, a metric, "status" or "run";
        seeds, how many have it on both sides; means over these, or over the seeds of a number that is on one side only;
        difference, B minus A; noise, half its 95 % interval; ratio; p_holm; note.

    Raises:
        StoreError: a folder does not exist or holds no runs, or a file in it is corrupt.
        SpecError: no run is on both sides, or a commit is unknown.
    """
    import pandas as pd

    first, second = _read_side(a, log), _read_side(b, log)
    matched = {key: (first.runs[key], second.runs[key]) for key in sorted(first.runs.keys() & second.runs.keys())}
    if not matched:
        raise SpecError(f"{a} and {b} have no run in common: no method, setting and seed is on both sides")
    ok = {key: rows for key, rows in matched.items() if rows[0]["status"] == rows[1]["status"] == "ok"}
    if line := circumstances(ok.values()):
        log(line)
    found = [*_statuses(matched), *_alone(first, second), *_numbers(first, second, ok)]
    found.sort(key=lambda each: (_ORDER.index(each.verdict), each.configuration))
    with tuned_values_of(a):
        labels = _labels(first, second)
    rows = [
        {**dict(zip(ASKED, each.configuration, strict=True)), "label": labels[each.configuration], **asdict(each)}
        for each in found
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(dict.fromkeys(NUMBERS, float))


def summary(frame: pd.DataFrame) -> str:
    """Summarise the result of `diff` in one line: the number of common runs, and of rows with each verdict."""
    runs = int(frame.loc[frame["measure"] == "status", "seeds"].sum())
    counts = frame.loc[(frame["measure"] != "status") | (frame["verdict"] != "same"), "verdict"].value_counts()
    counted = ", ".join(f"{counts[verdict]} {verdict}" for verdict in _ORDER if verdict in counts)
    return f"{runs} common run{'' if runs == 1 else 's'}: {counted or 'no numbers to compare'}"


def _read_side(asked: Path | str, log: Callable[[str], None]) -> Side:
    """Read the runs of FOLDER, or for FOLDER@COMMIT those made at the commit whose hash begins with COMMIT.

    Of the attempts at a run, the newest ok one counts, else the newest. Of runs that differ only in versions, data or
    training recipe, the newest ok one represents them all.

    Args:
        asked: FOLDER or FOLDER@COMMIT.
        log: takes a line about runs that are left out, or that were made with uncommitted changes.

    Raises:
        StoreError: there is no such folder, it holds no runs, or a file in it is corrupt.
        SpecError: `asked` is a file, or several commits begin so.
        UnknownNameError: no commit begins so.
    """
    folder, commit = _split(asked)
    if folder.is_file():
        raise SpecError(f"{folder} is a file; name a folder of results, or FOLDER@COMMIT")
    frame = load_results(folder, "all")
    if frame.empty:
        raise StoreError(f"there are no runs in {folder}")
    if commit is not None:
        frame = frame[frame["git_commit"] == _commit(commit, frame["git_commit"].dropna().unique().tolist(), folder)]
    frame = newest_attempts(frame)
    newest = newest_reruns(frame)
    if older := len(frame) - len(newest):
        log(f"{asked}: leaving out {older} older run(s), run again since with other versions, data or training")
    side = Side(Store(folder), {_identity(row): row for row in plain_records(newest)})
    dirty = sum(row["git_dirty"] is True for row in side.runs.values())
    if commit is not None and dirty:
        log(f"{asked}: {dirty} of {len(side.runs)} runs were made with uncommitted changes to that commit")
    return side


def _identity(row: Row) -> tuple[Configuration, int]:
    return tuple(str(row[name]) for name in ASKED), int(row["seed"])


def _split(asked: Path | str) -> tuple[Path, str | None]:
    # A folder's own name may hold an @.
    if "@" not in str(asked) or Path(asked).is_dir():
        return Path(asked), None
    folder, _, commit = str(asked).rpartition("@")
    if not folder or not commit:
        raise SpecError(f"cannot read '{asked}'; write FOLDER or FOLDER@COMMIT")
    return Path(folder), commit.lower()


def _commit(start: str, known: list[str], folder: Path) -> str:
    found = [commit for commit in known if commit.startswith(start)]
    if not found:
        raise UnknownNameError("commit", start, [commit[:12] for commit in known])
    if len(found) > 1:
        names = ", ".join(commit[:12] for commit in sorted(found))
        raise SpecError(f"{len(found)} commits in {folder} begin with '{start}': {names}")
    return found[0]


def _statuses(matched: Mapping[tuple[Configuration, int], tuple[Row, Row]]) -> Iterator[Finding]:
    """Yield each change of status of a configuration, and each status that stayed."""
    groups: dict[tuple[Configuration, str, str], list[tuple[int, Row]]] = {}
    for (configuration, seed), (one, other) in matched.items():
        groups.setdefault((configuration, one["status"], other["status"]), []).append((seed, other))
    for (configuration, before, after), runs in groups.items():
        note = f"{before} to {after}, {seed_words(seed for seed, _ in runs)}" if before != after else before
        error = next((row["error"] for _, row in runs if row["error"]), "")
        verdict = _status_verdict(before, after)
        yield Finding(configuration, "status", verdict, len(runs), clean(f"{note}: {error}" if error else note))


def _status_verdict(before: str, after: str) -> Verdict:
    if before == after:
        return "same"
    change = _BADNESS.get(after, 2) - _BADNESS.get(before, 2)
    return "status worse" if change > 0 else "status better" if change < 0 else "status other"


def _alone(first: Side, second: Side) -> Iterator[Finding]:
    """Yield each configuration with runs on one side only."""
    verdicts: tuple[tuple[Side, Side, Verdict], ...] = ((first, second, "only in A"), (second, first, "only in B"))
    for one, other, verdict in verdicts:
        for configuration, found in groupby(sorted(one.runs.keys() - other.runs.keys()), itemgetter(0)):
            yield Finding(configuration, "run", verdict, note=seed_words(seed for _, seed in found))


def _numbers(first: Side, second: Side, ok: Mapping[tuple[Configuration, int], tuple[Row, Row]]) -> list[Finding]:
    """Judge each number of a configuration, and list each that one side has lost."""
    groups: dict[tuple[Configuration, str], dict[int, PairedNumber]] = {}
    for (configuration, seed), (one, other) in ok.items():
        evaluated = metric_pairs(first.metrics(one), second.metrics(other))
        for pair in (*row_pairs(one, other), *evaluated):
            groups.setdefault((configuration, pair.measure), {})[seed] = pair
    judged: list[Finding] = []
    lost: list[Finding] = []
    for (configuration, measure), pairs in groups.items():
        both = [pair for pair in pairs.values() if pair.a is not None and pair.b is not None]
        if both:
            judged.append(judge(configuration, measure, both))
        lost += _lost(configuration, measure, pairs)
    settle(judged)
    return lost + judged


def _lost(configuration: Configuration, measure: str, pairs: Mapping[int, PairedNumber]) -> Iterator[Finding]:
    before = {seed: pair.a for seed, pair in pairs.items() if pair.a is not None and pair.b is None}
    after = {seed: pair.b for seed, pair in pairs.items() if pair.b is not None and pair.a is None}
    if before:
        note = _seeds_note(before, pairs)
        yield Finding(configuration, measure, "only in A", note=note, mean_a=fmean(before.values()))
    if after:
        note = _seeds_note(after, pairs)
        yield Finding(configuration, measure, "only in B", note=note, mean_b=fmean(after.values()))


def _seeds_note(values: Mapping[int, float], pairs: Mapping[int, PairedNumber]) -> str:
    reason = next((f": {pairs[seed].note}" for seed in values if pairs[seed].note), "")
    return clean(seed_words(values) + reason)


def _labels(first: Side, second: Side) -> dict[Configuration, str]:
    """Name the method of each configuration as reports do, without versions and settings that are not part of it."""
    rows = {configuration: row for side in (second, first) for (configuration, _), row in side.runs.items()}
    # Equal in all rows, so that they do not show in names: `circumstances` reports what differs in them.
    apart = ("numerics_version", "dataset_version", "data_fingerprint", "model_options", "training")
    alike = [{**row, **dict.fromkeys(apart)} for row in rows.values()]
    newest: dict[str, int] = {}
    for row in alike:
        newest[row["method"]] = max(row["method_version"], newest.get(row["method"], 0))
    labels = row_labels([{**row, "method_version": newest[row["method"]]} for row in alike])
    return dict(zip(rows, labels, strict=True))
