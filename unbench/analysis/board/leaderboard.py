"""The leaderboard as plain data: one row per way of unlearning, averaged over seeds and over nothing else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import compress
from typing import TYPE_CHECKING, Any

from unbench.analysis.board.row_status import chosen, old_metrics, outdated, touches, unverified
from unbench.analysis.rows.labels import CELL, ROW, row_labels, seed_words
from unbench.analysis.rows.records import records
from unbench.analysis.rows.values import as_text, clean, json_list, json_object, sorted_json
from unbench.config.reference_names import ORACLE
from unbench.metrics.gap import MEASURES
from unbench.store import schema

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

SCORES = (*MEASURES, "forget_class_test_acc", "avg_gap", "avg_gap_floor")
COSTS = ("unlearn_seconds", "peak_memory_mb", "train_seconds", "oracle_seconds")
LEVELS = tuple(f"{model}_{measure}" for model in ("original", "oracle") for measure in MEASURES)
AUDIT = tuple(column.name for column in schema.AUDIT)
DEPLOYMENT = tuple(column.name for column in schema.DEPLOYMENT if column.type != "string")
CHOICE = ("val_acc",)
"""What hyper-parameters may be selected by; runs of older versions lack it."""

VALUES = (*SCORES, *CHOICE, *COSTS, *LEVELS, *AUDIT, *DEPLOYMENT)
"""Columns averaged over seeds."""

_LACKS = "lacks"
"""Column of a run: names of VALUES that it lacks."""

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
_VERSIONS = ("unbench_version", "torch_version", "python_version")
_DESCRIBED = (
    *("row", "seed", *ROW, "status", "error", "missing", _LACKS, "warnings", "tuned", *_BY_SEED, *_TEXTS, *_VERSIONS),
    *("device", "threads", "git_commit", "git_dirty", "run_key", "command", "n_superseded", "metric_versions"),
)
"""What is read from each run besides the numbers that are averaged."""

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
    ok = runs[runs["status"] == "ok"]
    numbers = over_seeds(ok, VALUES)
    rows = [_describe(group) for group in _groups(runs)]
    for record, label in zip(rows, row_labels(rows), strict=True):
        record["label"] = label
    # Copied into one block: pandas warns of adding columns to many joined ones.
    board = pd.DataFrame(rows).set_index("row").join(numbers).copy()
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
    import pandas as pd

    runs = frame.copy()
    for name in ("model_options", "training", "hparams"):
        runs[name] = [sorted_json(text) for text in runs[name]]
    runs["stem"] = [as_text(name) for name in runs["stem"]]
    runs["numerics_version"] = runs["numerics_version"].fillna(1).astype("int64")
    numbers = runs[list(VALUES)].to_numpy("float64", na_value=np.nan)
    finite = np.isfinite(numbers)
    runs[list(VALUES)] = np.where(finite, numbers, np.nan)
    runs[_LACKS] = pd.Series(_names_of(~finite), runs.index, dtype=object)
    runs["row"] = runs.groupby(list(ROW), dropna=False, sort=True).ngroup()
    runs["_ok"] = runs["status"] == "ok"
    runs = runs.sort_values(["row", "seed", "_ok", "started_at", "run_key", "attempt"], kind="stable")
    older = runs.duplicated(["row", "seed"], keep="last")
    superseded = older.groupby(runs["row"]).sum()
    runs = runs[~older]
    return runs.assign(n_superseded=runs["row"].map(superseded).astype(int))


def _names_of(marked: NDArray[np.bool_]) -> list[frozenset[str]]:
    """Return the columns of VALUES that are marked in each line of a table."""
    keys = [line.tobytes() for line in marked]
    different = dict(zip(keys, marked, strict=True))  # few: most lines are alike
    names = {key: frozenset(compress(VALUES, line)) for key, line in different.items()}
    return [names[key] for key in keys]


def _groups(runs: pd.DataFrame) -> list[list[dict[str, Any]]]:
    """Return the runs of each row as plain dicts of what `_describe` reads: far faster than one DataFrame per row."""
    groups: dict[int, list[dict[str, Any]]] = {}
    for run in records(runs[list(_DESCRIBED)]):
        groups.setdefault(run["row"], []).append(run)
    return list(groups.values())


def _describe(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Describe a row: everything but its numbers."""
    ok = [run for run in runs if run["status"] == "ok"]
    bad = [run for run in runs if run["status"] != "ok"]
    shown = ok or bad
    first = {**runs[0], "old_metrics": old_metrics(ok, VALUES)}
    return {
        "row": first["row"],
        **{name: first[name] for name in ROW},
        "n_seeds": len(ok),
        "seeds": " ".join(str(run["seed"]) for run in ok),
        **{f"n_{status}": sum(run["status"] == status for run in bad) for status in FAILURES},
        "n_superseded": first["n_superseded"],
        "failures": json.dumps(
            [{"seed": run["seed"], "status": run["status"], "error": as_text(run["error"])} for run in bad]
        ),
        "missing": json.dumps(_reasons(ok), sort_keys=True),
        "outdated": outdated(first),
        "unverified": unverified(first, ok),
        "chosen": chosen({**first, "tuned": bool(ok) and all(run["tuned"] is True for run in ok)}),
        "touches": touches(first["method"]),
        **{column: _by_seed(ok, name) for name, column in _BY_SEED.items()},
        "warnings": json.dumps(_with_seeds([(w, run["seed"]) for run in ok for w in json_list(run["warnings"])])),
        **{name: _distinct([run[name] for run in shown]) for name in (*_TEXTS, *_VERSIONS)},
        "devices": _distinct([_device(run) for run in shown]),
        "git_commit": _distinct([_commit(run) for run in shown]),
        "run_keys": " ".join(str(run["run_key"]) for run in ok),
        "commands": "\n".join(dict.fromkeys(as_text(run["command"]) for run in runs if as_text(run["command"]))),
    }


def _by_seed(ok: Sequence[dict[str, Any]], name: str) -> str:
    """Return JSON of one value by seed, null where it is missing."""
    return json.dumps({str(run["seed"]): None if run[name] != run[name] else run[name] for run in ok})


def _reasons(ok: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Return why columns have no mean: the reasons that the runs give, each with its seeds."""
    reasons: dict[str, str] = {}
    stated = [json_object(run["missing"]) for run in ok]
    named = {name for given in stated for name in given}
    anywhere = frozenset[str]().union(*(run[_LACKS] for run in ok))
    for name in VALUES:
        if name not in anywhere:
            continue
        lacking = [(run, given) for run, given in zip(ok, stated, strict=True) if name in run[_LACKS]]
        applies = name not in _OPTIONAL or name in named or len(lacking) < len(ok)
        if applies:
            none = "no value is stored, and no reason"
            reasons[name] = "; ".join(_with_seeds([(given.get(name, none), run["seed"]) for run, given in lacking]))
    return reasons


def _with_seeds(pairs: Sequence[tuple[str, int]]) -> list[str]:
    """Return each distinct text once, with the seeds that it applies to."""
    by_text: dict[str, list[int]] = {}
    for text, seed in pairs:
        by_text.setdefault(clean(text), []).append(seed)
    return [f"{text} ({seed_words(seeds)})" for text, seeds in by_text.items()]


def _distinct(values: Sequence[Any]) -> str:
    return "; ".join(sorted({as_text(value) for value in set(values)} - {""}))


def _device(run: dict[str, Any]) -> str:
    device, threads = as_text(run["device"]), as_text(run["threads"])
    return f"{device}, {threads} threads" if device and threads else device


def _commit(run: dict[str, Any]) -> str:
    commit = as_text(run["git_commit"])[:12]
    return f"{commit} with uncommitted changes" if commit and run["git_dirty"] is True else commit
