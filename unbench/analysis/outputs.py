"""Per-example outputs of stored runs: each file is read once, however many figures and pages look at it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from unbench.analysis.rows.labels import seed_words
from unbench.analysis.rows.noted import NotedTable
from unbench.analysis.rows.values import records
from unbench.config.reference_names import NOTHING, ORACLE
from unbench.errors import DamagedError, StoreError
from unbench.experiment.measuring import forget_class
from unbench.metrics.outputs import MissingValue, Model, RunOutputs
from unbench.store.results import Store, load_outputs

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

MODELS: tuple[Model, ...] = ("original", "oracle", "unlearned")
MOST = 24
"""Rows whose outputs are looked at; the best that have outputs come first."""

_NAMED = 12
"""Labels, and seeds, that a note spells out."""
_NEEDED = ("run_key", "attempt", "seed", "forget_class")


@dataclass(frozen=True)
class RunExamples:
    """The outputs of one run.

    Attributes:
        outputs: labels and logits.
        ids: int64 (N,) over all splits: positions in the published split.
    """

    outputs: RunOutputs
    ids: NDArray[np.int64]

    @classmethod
    def of(cls, table: pa.Table, forgotten: int | None = None) -> RunExamples:
        """Take them from a table as unbench.load_outputs gives it; `forgotten` is the class that was forgotten."""
        return cls(RunOutputs.from_table(table, forgotten), np.asarray(table["example_id"], dtype=np.int64))


Columns = dict[str, NDArray[Any]]
RunLook = Callable[[RunExamples], Any]
"""Takes a few numbers from the outputs of one run."""
ModelLook = Callable[[RunExamples, Model], Columns]
"""Takes columns of equal length from one model of one run; raises MissingValue with a reason."""


class OutputsReader:
    """Reads the outputs of runs and keeps what looks took from them.

    Args:
        results: the results folder.
        frame: its runs, as unbench.load_results gives them.
        always: looks taken whenever a file is read, for those who will ask for them later.

    Attributes:
        results: the results folder.
    """

    def __init__(self, results: Path, frame: pd.DataFrame, always: Mapping[str, RunLook] | None = None) -> None:
        self.results = results
        self._runs = {run["run_key"]: run for run in records(frame.loc[frame["status"] == "ok", list(_NEEDED)])}
        self._always, self._taken = dict(always or {}), dict[tuple[str, str], Any]()
        folder = Store(results).outputs
        # Listed once: a report asks for very many runs, and most have no outputs.
        self._names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()

    def seed(self, key: str) -> int:
        """Return the seed of a run."""
        return int(self._runs[key]["seed"])

    def has(self, key: str) -> bool:
        """Return True if outputs of a run are stored."""
        return self.file(key) in self._names

    def file(self, key: str) -> str:
        """Return the name of the file with a run's outputs."""
        return f"{key}-{self._runs[key]['attempt']}.parquet"

    def take(self, key: str, looks: Mapping[str, RunLook]) -> dict[str, Any]:
        """Return by name what each look takes from a run; looks of one name must be the same.

        Raises:
            MissingValue: no outputs are stored, or which class was forgotten is unreadable.
            DamagedError: the file is corrupt.
        """
        if any((key, name) not in self._taken for name in looks):
            examples = self._read(key)
            for name, look in {**self._always, **looks}.items():
                self._taken[key, name] = look(examples)
        return {name: self._taken[key, name] for name in looks}

    def _read(self, key: str) -> RunExamples:
        if not self.has(key):
            raise MissingValue("no per-example outputs are stored")
        run = self._runs[key]
        try:
            forgotten = forget_class(run)
        except StoreError as error:
            raise MissingValue(str(error)) from error
        return RunExamples.of(load_outputs(self.results, run), forgotten)


def tables_of_outputs(
    rows: pd.DataFrame, reader: OutputsReader, looks: Mapping[str, ModelLook]
) -> dict[str, NotedTable]:
    """Return what each look takes from the runs of one cell: label, method, model, seed, then the columns of the look.

    The reference methods are left out beside others, since their models are in every other run: retrain is the
    oracle and none the original.

    Args:
        rows: of one cell of the leaderboard.
        reader: of the results folder.
        looks: by name.

    Returns:
        By name of the look; the notes list what is absent, and why.
    """
    shown = rows[rows["n_seeds"] > 0]
    others = shown[~shown["method"].isin([ORACLE, NOTHING])]
    chosen = records((others if len(others) else shown)[["label", "method", "run_keys"]])
    by_model = {name: partial(_each_model, look) for name, look in looks.items()}
    parts: dict[str, list[tuple[tuple[Any, ...], Columns]]] = {name: [] for name in looks}
    lacking: dict[str, list[tuple[str, str, int]]] = {name: [] for name in looks}
    looked = without_room = 0
    for row in chosen:
        own = row["run_keys"].split()
        stored = any(map(reader.has, own))
        if stored and looked == MOST:
            without_room += 1
            continue
        looked += stored
        for key in own:
            seed = reader.seed(key)
            try:
                taken = reader.take(key, by_model)
            except (MissingValue, DamagedError) as error:
                corrupt = f"its per-example outputs are corrupt: {reader.file(key)}"
                for reasons in lacking.values():
                    reasons.append((corrupt if isinstance(error, DamagedError) else str(error), row["label"], seed))
                continue
            for name, models in taken.items():
                for model, columns in models.items():
                    if isinstance(columns, str):
                        lacking[name].append((f"nothing of its {model} model: {columns}", row["label"], seed))
                    else:
                        parts[name].append(((row["label"], row["method"], model, seed), columns))
    ending = [f"Not drawn for want of room: {without_room} rows with a larger gap."] if without_room else []
    failed = [str(label) for label in rows.loc[rows["n_seeds"] == 0, "label"]]
    if failed:
        ending.append(f"Without an ok run: {enumerated(failed)}.")
    return {name: NotedTable(_table(parts[name]), (*_notes(lacking[name]), *ending)) for name in looks}


def enumerated(labels: Sequence[str]) -> str:
    """Return labels as a note gives them: the first few by name.

    >>> enumerated(["a", "b"])
    'a, b'
    """
    rest = len(labels) - _NAMED
    return ", ".join(labels[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")


def best(data: NotedTable, most: int) -> NotedTable:
    """Return the first `most` labels of a table, and a note that names the others."""
    labels = list(dict.fromkeys(data.table["label"]))
    if len(labels) <= most:
        return data
    note = f"Not drawn for want of room, the gap being larger: {enumerated(labels[most:])}."
    return NotedTable(data.table[data.table["label"].isin(labels[:most])].reset_index(drop=True), (*data.notes, note))


def _each_model(look: ModelLook, run: RunExamples) -> dict[Model, Columns | str]:
    """Map each model to the columns that a look takes from it, or to the reason why it has none."""
    found: dict[Model, Columns | str] = {}
    for model in MODELS:
        try:
            found[model] = look(run, model)
        except MissingValue as error:
            found[model] = str(error)
    return found


def _notes(lacking: Iterable[tuple[str, str, int]]) -> list[str]:
    """Return each reason for what is absent once, with the labels and seeds that it holds for."""
    found: dict[tuple[str, str], list[int]] = {}
    for reason, label, seed in lacking:
        found.setdefault((reason, label), []).append(seed)
    alike: dict[tuple[str, str], list[str]] = {}
    for (reason, label), seeds in found.items():
        which = seed_words(seeds) if len(seeds) <= _NAMED else f"{len(seeds)} seeds"
        alike.setdefault((reason, which), []).append(label)
    return [f"{enumerated(labels)}: {reason} ({seeds})." for (reason, seeds), labels in alike.items()]


def _table(parts: Sequence[tuple[tuple[Any, ...], Columns]]) -> pd.DataFrame:
    import pandas as pd

    heads = ("label", "method", "model", "seed")
    if not parts:
        return pd.DataFrame(columns=list(heads))
    # In one go: a table for each part would take longer than reading it did.
    part = np.repeat(np.arange(len(parts)), [len(next(iter(columns.values()))) for _, columns in parts])
    head = {name: pd.Series([who[n] for who, _ in parts]).to_numpy()[part] for n, name in enumerate(heads)}
    names = parts[0][1]
    return pd.DataFrame({**head, **{name: np.concatenate([columns[name] for _, columns in parts]) for name in names}})
