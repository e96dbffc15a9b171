"""The leaderboard as plain data: one row per way of unlearning, averaged over seeds and over nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import compress
from typing import TYPE_CHECKING, Any

from unbench.analysis.board.row_status import chosen, old_metrics, outdated, touches, unverified
from unbench.analysis.rows.labels import CELL, ROW, row_labels, seed_words
from unbench.analysis.rows.values import RunsOfRow, as_text, clean, json_list, json_object, sorted_json
from unbench.config.reference_names import ORACLE
from unbench.metrics.gap import MEASURES
from unbench.store import schema

if TYPE_CHECKING:
    import pandas as pd

SCORES = (*MEASURES, "forget_class_test_acc", "avg_gap", "avg_gap_floor")
COSTS = ("unlearn_seconds", "peak_memory_mb", "train_seconds", "oracle_seconds")
LEVELS = tuple(f"{model}_{measure}" for model in ("original", "oracle") for measure in MEASURES)
AUDIT = tuple(column.name for column in schema.AUDIT)
DEPLOYMENT = tuple(column.name for column in schema.DEPLOYMENT if column.type != "string")
CHOICE = ("val_acc",)
"""What hyper-parameters may be selected by; runs of older versions lack it."""

VALUES = (*SCORES, *CHOICE, *COSTS, *LEVELS, *AUDIT, *DEPLOYMENT)
"""Columns averaged over seeds."""

_OPTIONAL = frozenset((*CHOICE, *AUDIT, *DEPLOYMENT))
FAILURES = ("failed", "diverged", "timed_out", "skipped")
"""Statuses of runs without numbers."""

_TEXTS = (
    *("family", "method_family", "n_train", "n_forget", "n_test", "forget_class", "data_checksum"),
    *("stem_trained_on", "key_encoder", "key_encoder_trained_on", "memory_index"),
)
PARTS = ("mean", "std", "low", "high")
"""Columns of each value: mean, sample standard deviation and the ends of the 95 % t-interval, over seeds."""

_BY_SEED = {"avg_gap": "gap_by_seed", "avg_gap_floor": "floor_by_seed"}
"""Values that are on the board for each seed as well."""

CONFIDENCE = 0.95
UNSTORED = "no value is stored, and no reason"
_VERSIONS = ("unbench_version", "torch_version", "python_version")
COLUMNS = (
    *ROW,
    *("label", "n_seeds", "seeds"),
    *(f"{name}_{part}" for name in VALUES for part in PARTS),
    *("within_noise", "outdated", "unverified", "chosen", "touches", *_BY_SEED.values()),
    *(*(f"n_{status}" for status in FAILURES), "n_superseded"),
    *("failures", "missing", "warnings"),
    *_TEXTS,
    *("devices", *_VERSIONS, "git_commit", "run_keys", "commands"),
)
"""Columns of the leaderboard, in order."""


def leaderboard(frame: pd.DataFrame) -> pd.DataFrame:
    """Average runs over their seeds.

    One row per (data set and its version and images, stem, scenario, preset, model and its options, recipe,
    method and its version, hyper-parameters); runs that differ in any of these are never averaged together.
    For each column of VALUES there are `<name>_mean`, `<name>_std` (sample standard deviation), `<name>_low` and
    `<name>_high` (95 % t-interval), all but the first missing for one seed, over the seeds whose run is ok. A value
    that one of these seeds lacks is missing in the row as well, because a mean over the seeds that happen to have it
    would be another number; `missing` (JSON) says why. Columns of AUDIT and DEPLOYMENT that no seed has or gives a
    reason for do not apply to the row.

    Args:
        frame: as unbench.load_results returns it.

    Returns:
        Columns as in COLUMNS, sorted by cell, then the oracle's own row, then by avg_gap with missing last. Rows of
        outdated versions come last in their cell, and cells of an outdated version of a data set after the others.

    Raises:
        CardError: the cards, which determine what is current, cannot be read.
    """
    import pandas as pd

    if frame.empty:
        return pd.DataFrame(columns=list(COLUMNS))
    runs = _one_run_per_seed(frame)
    numbers = over_seeds(runs[runs["status"] == "ok"], VALUES)
    rows = _describe_rows(runs, numbers)
    # Copied into one block: pandas warns of adding columns to many joined ones.
    board = pd.DataFrame(rows).assign(label=row_labels(rows)).join(numbers).copy()
    gap, floor = board["avg_gap_mean"], board["avg_gap_floor_mean"]
    within = (gap <= floor).astype("boolean")
    # The oracle's distance to itself means nothing, so it gets no mark.
    board["within_noise"] = within.mask(gap.isna() | floor.isna() | (board["method"] == ORACLE))
    board = in_order(board[list(COLUMNS)], "avg_gap_mean")
    # As plain objects: reading text from Arrow is slow, and every section reads it again.
    return board.astype(dict.fromkeys(board.select_dtypes("string").columns, object)).copy()


def in_order(board: pd.DataFrame, by: str) -> pd.DataFrame:
    """Sort rows by cell, then the oracle's own row, then a column with missing last; what is outdated comes last."""
    old = board["outdated"] != ""
    keys = board.assign(_after=board["method"] != ORACLE, _old=old)
    keys["_old_cell"] = keys.groupby(list(CELL), dropna=False)["_old"].transform("all")
    order = ["_old_cell", *CELL, "_old", "_after", by, "label"]
    return board.loc[keys.sort_values(order, kind="stable", na_position="last").index].reset_index(drop=True)


def over_seeds(runs: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Compute PARTS of columns, one row for each `row` of the runs; missing unless all of its runs have a value."""
    import pandas as pd
    from scipy.special import stdtrit  # scipy.stats takes a second to import

    values = runs.groupby("row")[list(names)]
    n_seeds = runs.groupby("row").size()
    complete = values.count().eq(n_seeds, axis=0)
    mean, std = values.mean().where(complete), values.std(ddof=1).where(complete)
    quantile = pd.Series(stdtrit(n_seeds - 1, (1 + CONFIDENCE) / 2), n_seeds.index)
    half = std.mul(quantile / n_seeds**0.5, axis=0)
    parts = dict(zip(PARTS, (mean, std, mean - half, mean + half), strict=True))
    return pd.concat([table.add_suffix(f"_{part}") for part, table in parts.items()], axis=1)


def _one_run_per_seed(frame: pd.DataFrame) -> pd.DataFrame:
    """Assign each run to a row of the leaderboard, and keep one run per row and seed.

    The same seed appears twice if shared code has changed numbers between two runs; counting both would
    claim a seed that was never drawn. An ok run takes precedence over a failed one, then the newest.
    """
    import numpy as np

    # As plain objects: reading text from Arrow value by value is slow.
    runs = frame.astype(dict.fromkeys(frame.select_dtypes("string").columns, object)).copy()
    for name in ("model_options", "training", "hparams"):
        runs[name] = runs[name].map(sorted_json)
    runs["stem"] = runs["stem"].map(as_text)
    runs["numerics_version"] = runs["numerics_version"].fillna(1).astype("int64")
    numbers = runs[list(VALUES)].to_numpy("float64", na_value=np.nan)
    runs[list(VALUES)] = np.where(np.isfinite(numbers), numbers, np.nan)
    runs["row"] = runs.groupby(list(ROW), dropna=False, sort=True).ngroup()
    runs["_ok"] = runs["status"] == "ok"
    runs = runs.sort_values(["row", "seed", "_ok", "started_at", "run_key", "attempt"], kind="stable")
    older = runs.duplicated(["row", "seed"], keep="last")
    superseded = older.groupby(runs["row"]).sum()
    runs = runs[~older]
    return runs.assign(n_superseded=runs["row"].map(superseded).astype(int))


def _describe_rows(runs: pd.DataFrame, numbers: pd.DataFrame) -> list[dict[str, Any]]:
    """Describe each row of the leaderboard: everything but its label and its numbers."""
    columns = {str(name): runs[name].tolist() for name in runs.columns}
    no_mean = numbers[[f"{name}_mean" for name in VALUES]].isna()
    lacking = {row: list(compress(VALUES, line)) for row, *line in no_mean.itertuples()}
    places: dict[int, list[int]] = {}
    for place, row in enumerate(columns["row"]):
        places.setdefault(row, []).append(place)
    return [_describe(columns, own, lacking.get(row, ())) for row, own in places.items()]


def _describe(columns: Mapping[str, list[Any]], places: Sequence[int], lacking: Sequence[str]) -> dict[str, Any]:
    """Describe a row: where its runs are, and the names of VALUES that one of its ok runs lacks."""
    status = columns["status"]
    runs = RunsOfRow(columns, places)
    ok = RunsOfRow(columns, [place for place in places if status[place] == "ok"])
    bad = RunsOfRow(columns, [place for place in places if status[place] != "ok"])
    shown = ok or bad
    seeds = ok["seed"]
    row = {name: columns[name][places[0]] for name in ROW}
    row["outdated"] = outdated(row, old_metrics(ok, VALUES))
    notes = [(warning, seed) for text, seed in zip(ok["warnings"], seeds, strict=True) for warning in json_list(text)]
    return {
        **row,
        "n_seeds": len(ok),
        "seeds": " ".join(map(str, seeds)),
        **{f"n_{name}": bad["status"].count(name) for name in FAILURES},
        "n_superseded": columns["n_superseded"][places[0]],
        "failures": json.dumps(
            [
                {"seed": seed, "status": status, "error": as_text(error)}
                for seed, status, error in zip(bad["seed"], bad["status"], bad["error"], strict=True)
            ]
        ),
        "missing": json.dumps(_reasons(ok, lacking), sort_keys=True),
        "unverified": unverified(row, ok),
        "chosen": chosen({**row, "tuned": bool(ok) and all(tuned is True for tuned in ok["tuned"])}),
        "touches": touches(row["method"]),
        **{column: _by_seed(seeds, ok[name]) for name, column in _BY_SEED.items()},
        "warnings": json.dumps(_with_seeds(notes)),
        **{name: _distinct(shown[name]) for name in (*_TEXTS, *_VERSIONS)},
        "devices": _distinct(_device(*of) for of in set(zip(shown["device"], shown["threads"], strict=True))),
        "git_commit": _distinct(_commit(*of) for of in set(zip(shown["git_commit"], shown["git_dirty"], strict=True))),
        "run_keys": " ".join(ok["run_key"]),
        "commands": "\n".join(dict.fromkeys(filter(None, map(as_text, runs["command"])))),
    }


def _by_seed(seeds: Sequence[int], values: Sequence[float]) -> str:
    """Return JSON of one value by seed, null where it is missing."""
    return json.dumps({str(seed): None if value != value else value for seed, value in zip(seeds, values, strict=True)})


def _reasons(ok: RunsOfRow, lacking: Sequence[str]) -> dict[str, str]:
    """Return why columns have no mean: the reasons that the runs give, each with its seeds."""
    reasons: dict[str, str] = {}
    stated = [json_object(text) for text in ok["missing"]]
    named = {name for given in stated for name in given}
    for name in lacking:
        runs = zip(stated, ok["seed"], ok[name], strict=True)
        pairs = [(given.get(name, UNSTORED), seed) for given, seed, value in runs if value != value]
        if name not in _OPTIONAL or name in named or len(pairs) < len(ok):
            reasons[name] = "; ".join(_with_seeds(pairs))
    return reasons


def _with_seeds(pairs: Iterable[tuple[str, int]]) -> list[str]:
    """Return each distinct text once, with the seeds that it applies to."""
    by_text: dict[str, list[int]] = {}
    for text, seed in pairs:
        by_text.setdefault(clean(text), []).append(seed)
    return [f"{text} ({seed_words(seeds)})" for text, seeds in by_text.items()]


def _distinct(values: Iterable[Any]) -> str:
    return "; ".join(sorted({as_text(value) for value in set(values)} - {""}))


def _device(device: Any, threads: Any) -> str:
    device, threads = as_text(device), as_text(threads)
    return f"{device}, {threads} threads" if device and threads else device


def _commit(commit: Any, dirty: Any) -> str:
    commit = as_text(commit)[:12]
    return f"{commit} with uncommitted changes" if commit and dirty is True else commit
