"""What plots need of per-example outputs: each run is read once, however many plots look at it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from unbench.analysis.rows.labels import seed_words
from unbench.analysis.rows.records import records
from unbench.config.reference_names import NOTHING, ORACLE
from unbench.errors import DamagedError, StoreError
from unbench.metrics.outputs import MissingValue, Model, RunOutputs
from unbench.report.figures.style import PlotData

if TYPE_CHECKING:
    import pandas as pd

MODELS: tuple[Model, ...] = ("original", "oracle", "unlearned")
MOST = 24
"""Rows that are looked at; the best that have outputs come first."""

_NAMED = 12
"""Labels, and seeds, that a note spells out."""
_NEEDED = ("run_key", "attempt", "seed", "forget_class")


@dataclass(frozen=True)
class Stored:
    """The outputs of one run.

    Attributes:
        outputs: labels and logits.
        ids: int64 (N,) over all splits: positions in the published split.
    """

    outputs: RunOutputs
    ids: NDArray[np.int64]


Columns = dict[str, NDArray[Any]]
Look = Callable[[Stored, Model], Columns]
"""Takes what a plot needs of one model of one run, as columns of equal length; raises MissingValue with a reason."""


def look_at(rows: pd.DataFrame, frame: pd.DataFrame, results: Path, looks: Mapping[str, Look]) -> dict[str, PlotData]:
    """What each look takes of the runs of one cell: label, method, model, seed, then the columns of the look.

    The reference methods are left out beside others, since their models are in every other run: retrain is the
    oracle and none the original.

    Args:
        rows: of one cell of the leaderboard.
        frame: the runs, as unbench.load_results gives them.
        results: the folder with their outputs.
        looks: by name.

    Returns:
        By name of the look; the notes say what is not there, and why.
    """
    shown = rows[rows["n_seeds"] > 0]
    others = shown[~shown["method"].isin([ORACLE, NOTHING])]
    chosen = records((others if len(others) else shown)[["label", "method", "run_keys"]])
    keys = {key for row in chosen for key in row["run_keys"].split()}
    ok = (frame["status"] == "ok") & frame["run_key"].isin(keys)
    runs = {run["run_key"]: run for run in records(frame.loc[ok, list(_NEEDED)])}
    folder = _Folder(results)
    parts: dict[str, list[tuple[tuple[Any, ...], Columns]]] = {name: [] for name in looks}
    lacking: dict[str, _Reasons] = {name: _Reasons() for name in looks}
    looked = without_room = 0
    for row in chosen:
        own = [runs[key] for key in row["run_keys"].split()]
        stored = any(map(folder.has, own))
        if stored and looked == MOST:
            without_room += 1
            continue
        looked += stored
        for run in own:
            try:
                one = folder.read(run)
            except MissingValue as error:
                for reasons in lacking.values():
                    reasons.add(str(error), row["label"], run["seed"])
                continue
            for name, look in looks.items():
                for model in MODELS:
                    try:
                        columns = look(one, model)
                    except MissingValue as error:
                        lacking[name].add(f"nothing of its {model} model: {error}", row["label"], run["seed"])
                        continue
                    parts[name].append(((row["label"], row["method"], model, run["seed"]), columns))
    ending = [f"Not drawn for want of room: {without_room} rows with a larger gap."] if without_room else []
    failed = [str(label) for label in rows.loc[rows["n_seeds"] == 0, "label"]]
    if failed:
        ending.append(f"Without an ok run: {enumerated(failed)}.")
    return {name: PlotData(_table(parts[name]), (*lacking[name].notes(), *ending)) for name in looks}


def enumerated(labels: Sequence[str]) -> str:
    """Labels as a note gives them: the first few by name.

    >>> enumerated(["a", "b"])
    'a, b'
    """
    rest = len(labels) - _NAMED
    return ", ".join(labels[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")


def best(data: PlotData, most: int) -> PlotData:
    """The first `most` labels of a table, and a note that names the others."""
    labels = list(dict.fromkeys(data.table["label"]))
    if len(labels) <= most:
        return data
    note = f"Not drawn for want of room, the gap being larger: {enumerated(labels[most:])}."
    return PlotData(data.table[data.table["label"].isin(labels[:most])].reset_index(drop=True), (*data.notes, note))


class _Folder:
    """The outputs in a results folder; its reasons name no folder of this machine."""

    def __init__(self, results: Path) -> None:
        from unbench.store.results import Store

        self._results = results
        folder = Store(results).outputs
        # Listed once: a report asks of very many runs, and most have none.
        self._names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()

    def has(self, run: Mapping[str, Any]) -> bool:
        return _file(run) in self._names

    def read(self, run: Mapping[str, Any]) -> Stored:
        from unbench.experiment.measuring import forget_class
        from unbench.store.results import load_outputs

        if not self.has(run):
            raise MissingValue("no per-example outputs are stored")
        try:
            forgotten = forget_class(run)
        except StoreError as error:
            raise MissingValue(str(error)) from error
        try:
            table = load_outputs(self._results, run)
        except DamagedError as error:
            raise MissingValue(f"its per-example outputs are corrupt: {_file(run)}") from error
        return Stored(RunOutputs.from_table(table, forgotten), np.asarray(table["example_id"], dtype=np.int64))


class _Reasons:
    """Why something is not there: each reason once, with the labels and seeds that it holds for."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], list[int]] = {}

    def add(self, reason: str, label: str, seed: int) -> None:
        self._found.setdefault((reason, label), []).append(seed)

    def notes(self) -> list[str]:
        alike: dict[tuple[str, str], list[str]] = {}
        for (reason, label), seeds in self._found.items():
            which = seed_words(seeds) if len(seeds) <= _NAMED else f"{len(seeds)} seeds"
            alike.setdefault((reason, which), []).append(label)
        return [f"{enumerated(labels)}: {reason} ({seeds})." for (reason, seeds), labels in alike.items()]


def _file(run: Mapping[str, Any]) -> str:
    return f"{run['run_key']}-{run['attempt']}.parquet"


def _table(parts: Sequence[tuple[tuple[Any, ...], Columns]]) -> pd.DataFrame:
    import pandas as pd

    heads = ("label", "method", "model", "seed")
    if not parts:
        return pd.DataFrame(columns=list(heads))
    sizes = [len(next(iter(columns.values()))) for _, columns in parts]
    # In one go: a table for each part would take longer than reading it did.
    head = {name: _repeated([who[n] for who, _ in parts], sizes) for n, name in enumerate(heads)}
    names = parts[0][1]
    return pd.DataFrame({**head, **{name: np.concatenate([columns[name] for _, columns in parts]) for name in names}})


def _repeated(values: Sequence[Any], sizes: Sequence[int]) -> NDArray[Any]:
    array: NDArray[Any] = np.array(values, dtype=object if isinstance(values[0], str) else np.int64)
    return np.repeat(array, sizes)
