"""The results folder: one Parquet shard per attempt, its per-example outputs beside it.

    RESULTS/runs/<run_key>-<attempt>.parquet      one row, columns in unbench.store.schema.COLUMNS
    RESULTS/outputs/<run_key>-<attempt>.parquet   one row per example, unbench.store.schema.OUTPUT_COLUMNS
    RESULTS/splits/<name>-<hash>.json             frozen index files
    RESULTS/stages/<role>-<key>/                  models trained once and shared
    RESULTS/shadows/<pool>/                       outputs of shadow models (unbench.experiment.shadow_models)
    RESULTS/probes/<run_key>-<attempt>.safetensors  what the models were asked with --probe
    RESULTS/metrics/<run_key>-<attempt>.parquet   what `unbench evaluate` made of the outputs
    RESULTS/summary/*.parquet                     the same over seeds, and methods compared in pairs
    RESULTS/sweeps/<key>.json                     what each sweep was asked for
    RESULTS/logs/<task>.log                       what happened, for each run and stage of a sweep
    RESULTS/locks/                                who is at work on what (unbench.store.locks)
    RESULTS/damaged/...                           files that are not what was written, under the path they had
    RESULTS/.cache/                               copies of many small files (unbench.store.rows_cache)

Nothing is ever overwritten by a later attempt and nothing is ever unpickled. Every file carries a seal
(unbench.store.checksum); one that does not match it is never used. Where unbench can make it anew, it is set aside and
made anew.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

from filelock import FileLock

from unbench.errors import RUN, DamagedError, StoreError, refusals_as
from unbench.store.arrays import Arrays, load_arrays, save_arrays
from unbench.store.checksum import BLANK, CHECKSUM_KEY, is_intact, is_marked
from unbench.store.files import read_stored, write_bytes, write_with_checksum
from unbench.store.rows_cache import RowsCache, Stamp, stamps
from unbench.store.schema import COLUMNS, METRIC_COLUMNS, OUTPUT_COLUMNS
from unbench.store.tables import read_table, write_arrow, write_table

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray

T = TypeVar("T")
Identity = tuple[int, int]
"""Inode and time of change: another file or folder under the same path has others."""


class Answers(Protocol):
    """What the models of a run were asked: arrays by name, and for what could not be asked the reason."""

    @property
    def arrays(self) -> Mapping[str, NDArray[Any]]: ...  # noqa: D102
    @property
    def missing(self) -> Mapping[str, str]: ...  # noqa: D102


class Store:
    """One results folder."""

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self.runs = self.folder / "runs"
        self.outputs = self.folder / "outputs"
        self.splits = self.folder / "splits"
        self.stages = self.folder / "stages"
        self.shadows = self.folder / "shadows"
        self.metrics = self.folder / "metrics"
        self.probes = self.folder / "probes"
        self.summary = self.folder / "summary"
        self.damaged = self.folder / "damaged"
        self.locks = self.folder / "locks"
        self.logs = self.folder / "logs"
        self.sweeps = self.folder / "sweeps"
        cache = self.folder / ".cache"
        self.row_cache = RowsCache(self.runs, COLUMNS, cache / "rows.parquet")
        self.metric_cache = RowsCache(self.metrics, METRIC_COLUMNS, cache / "metrics.parquet")

    def check_writable(self) -> None:
        """Raise StoreError now rather than after an hour of training."""
        for folder in (self.runs, self.outputs, self.splits, self.stages):
            with refusals_as(StoreError, f"cannot write in the results folder {folder}"):
                folder.mkdir(parents=True, exist_ok=True)
                probe = folder / ".probe"
                probe.touch()
                probe.unlink(missing_ok=True)  # another process may be asking the same

    def check_there(self, made_by: str = "unbench run") -> None:
        """Raise StoreError, naming the command that makes such a folder, if there is none."""
        if self.folder.is_file():
            raise StoreError(f"{self.folder} is a file, not a results folder")
        if not self.folder.is_dir():
            raise StoreError(f"there is no results folder {self.folder}; '{made_by}' makes one")

    def lock(self, name: str) -> FileLock:
        """A lock of the operating system, released when its process dies, so that work is not done twice."""
        return FileLock(self.locks / f"{name}.lock")

    def attempts(self, run_key: str) -> list[Path]:
        """The shards of one run, oldest first."""
        return sorted(self.runs.glob(f"{run_key}-*.parquet"), key=_attempt_number)

    def completed(self, run_key: str, verify: bool = False) -> dict[str, Any] | None:
        """The newest row of this run with status ok, or None; a damaged attempt is set aside and counts as not there.

        Args:
            run_key: of the run.
            verify: also read the outputs and the probes of that attempt, which counts only if they are whole.

        Raises:
            StoreError: a file cannot be read, or is from a newer version of unbench.
        """
        for path in reversed(self.attempts(run_key)):
            try:
                row = read_row(path)
                if row["status"] == "ok":
                    if verify:
                        self._verify(row)
                    return row
            except DamagedError as error:
                # Together: a later attempt may get its number, and must find nothing of it.
                for part in self._attempt_files(path.stem):
                    self.set_aside(part, error.what)
        return None

    def newest_attempt(self, run_key: str) -> dict[str, Any] | None:
        """The row of the newest attempt of this run, whatever its status, or None; damaged ones are set aside."""
        for path in reversed(self.attempts(run_key)):
            row = self.recover(path, read_row)
            if row is not None:
                return row
        return None

    def history(self) -> pd.DataFrame:
        """The rows of all attempts of all runs; damaged ones count as not there and stay where they are."""

        def read(path: Path) -> pa.Table | None:
            try:
                return _read_row_table(path)
            except DamagedError:
                return None

        frame: pd.DataFrame = self.row_cache.read(read).to_pandas()
        return frame

    def stamps(self) -> dict[str, Stamp]:
        """Size and time of change of each file of rows, metrics and their summary, by its place; none is opened.

        Raises:
            StoreError: a folder cannot be listed.
        """
        folders = (self.runs, self.metrics, self.summary)
        return {f"{folder.name}/{name}": stamp for folder in folders for name, stamp in stamps(folder).items()}

    def write_run(
        self, row: Mapping[str, Any], outputs: pa.Table | None, probed: Answers | None = None
    ) -> dict[str, Any]:
        """Store one attempt and return the row with its attempt number.

        The row is written last: if the process is killed before, no row promises what is not there.

        Raises:
            KeyError: the row has a column that is not in the schema.
            StoreError: a file cannot be written; no row is there then.
        """
        unknown = row.keys() - {c.name for c in COLUMNS}
        if unknown:
            raise KeyError(f"not in the schema: {sorted(unknown)}")
        with self.lock("rows"):
            past = self.attempts(row["run_key"])
            complete = {**row, "attempt": _attempt_number(past[-1]) + 1 if past else 1}
            for left in self._attempt_files(f"{row['run_key']}-{complete['attempt']}"):
                left.unlink(missing_ok=True)  # by a process that was killed before it wrote the row
            if outputs is not None:
                write_arrow(self.outputs_path(complete), outputs, compression="zstd")
            if probed is not None:
                self.write_probes(complete, probed.arrays, probed.missing)
            table = write_table(self.run_path(complete), [complete], COLUMNS)
        return dict(table.to_pylist()[0])

    def set_aside(self, path: Path, why: str = "it is damaged", seen: Identity | None = None) -> Path | None:
        """Move a file or folder of this results folder to RESULTS/damaged, under a free name, and warn in one line.

        Args:
            path: of the file or folder.
            why: what is wrong with it.
            seen: which one was found to be so; None for whichever is there.

        Returns:
            Where it is now; None if that one is not there any more, because another process was faster.

        Raises:
            StoreError: it cannot be moved.
        """
        wanted = self.damaged / path.relative_to(self.folder)
        names = (wanted.with_name(f"{wanted.name}.{n}" if n else wanted.name) for n in count())
        with refusals_as(StoreError, f"cannot move the damaged {path} to {self.damaged}"), self.lock("damaged"):
            now = _identity(path)
            if now is None or seen not in (None, now):
                return None
            target = next(name for name in names if not name.exists())
            target.parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)
        logging.getLogger("unbench").warning("%s was set aside as %s (%s)", path, target, why)
        return target

    def recover(self, path: Path, read: Callable[[Path], T]) -> T | None:
        """What `read` makes of a file or folder; None if it is not there, or damaged, and then it is set aside.

        Raises:
            StoreError: `read` does, for another reason than damage; or it cannot be moved.
        """
        while (seen := _identity(path)) is not None:
            try:
                return read(path)
            except DamagedError as error:
                self.set_aside(path, error.what, seen)
        return None

    def run_path(self, row: Mapping[str, Any]) -> Path:
        """The shard of a row."""
        return self.runs / f"{row['run_key']}-{row['attempt']}.parquet"

    def metrics_path(self, row: Mapping[str, Any]) -> Path:
        """Where the metrics of a row are, if any were computed."""
        return self.metrics / f"{row['run_key']}-{row['attempt']}.parquet"

    def read_metrics(self, path: Path) -> list[dict[str, Any]]:
        """The rows of one file of metrics, none if it is not there; raises StoreError if it is corrupt."""
        return list(_read_metric_table(path).to_pylist()) if path.is_file() else []

    def evaluated(self) -> set[str]:
        """Keys of the runs that have metrics; damaged files are set aside."""
        found = self.metric_cache.read(lambda path: self.recover(path, _read_metric_table), ["run_key"])
        return set(found["run_key"].unique().to_pylist())

    def write_metrics(self, path: Path, rows: list[dict[str, Any]]) -> None:
        """Store rows with the columns unbench.store.schema.METRIC_COLUMNS in place of what was there."""
        write_table(path, rows, METRIC_COLUMNS)

    def probes_path(self, row: Mapping[str, Any]) -> Path:
        """Where the answers of the models of a row are, if they were asked."""
        return self.probes / f"{row['run_key']}-{row['attempt']}.safetensors"

    def write_probes(
        self, row: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], missing: Mapping[str, str]
    ) -> None:
        """Store arrays by name, and for what could not be asked the reason."""
        save_arrays(self.probes_path(row), arrays, missing)

    def read_probes(self, row: Mapping[str, Any]) -> tuple[Arrays, dict[str, str]] | None:
        """Arrays by name and reasons, or None if the models were not asked; raises StoreError for a damaged file."""
        path = self.probes_path(row)
        return load_arrays(path, "'unbench run --probe'") if path.is_file() else None

    def outputs_path(self, row: Mapping[str, Any]) -> Path:
        """Where the per-example outputs of a row are, if it has any."""
        return self.outputs / f"{row['run_key']}-{row['attempt']}.parquet"

    def is_whole(self, row: Mapping[str, Any]) -> bool:
        """Whether outputs and probes of a row are what was written, as far as there are any."""
        try:
            self._verify(row)
        except DamagedError:
            return False
        return True

    def _verify(self, row: Mapping[str, Any]) -> None:
        if self.outputs_path(row).is_file():
            load_outputs(self.folder, row)
        self.read_probes(row)

    def _attempt_files(self, stem: str) -> list[Path]:
        """Where the files of one attempt are, the row first; all but that need not be there."""
        shards = [folder / f"{stem}.parquet" for folder in (self.runs, self.outputs, self.metrics)]
        return [*shards, self.probes / f"{stem}.safetensors"]


def read_row(path: Path) -> dict[str, Any]:
    """The row of one shard; raises StoreError naming a shard that is corrupt or from a newer schema."""
    return dict(_read_row_table(path).to_pylist()[0])


def load_results(folder: Path | str = "results", attempts: Literal["latest", "all"] = "latest") -> pd.DataFrame:
    """All rows of a results folder as one DataFrame, columns as in unbench.store.schema.COLUMNS.

    Args:
        folder: the results folder.
        attempts: "latest" gives one row per run: its newest ok attempt, else its newest; "all" gives every one.

    Raises:
        StoreError: the folder does not exist, or a shard is corrupt or from a newer version of unbench.
    """
    store = Store(folder)
    frame = _frame(store, store.row_cache, _read_row_table)
    if attempts == "latest":
        frame = newest_attempts(frame)
    order = ["dataset", "scenario", "preset", "method", "seed", "run_key", "attempt"]
    return frame.sort_values(order, kind="stable").reset_index(drop=True)


def newest_attempts(frame: pd.DataFrame) -> pd.DataFrame:
    """Of rows of runs one per run_key: its newest ok attempt, else its newest."""
    return (
        frame.assign(_ok=frame["status"] == "ok")
        .sort_values(["run_key", "_ok", "attempt"], kind="stable")
        .drop_duplicates("run_key", keep="last")
        .drop(columns="_ok")
    )


def load_metrics(folder: Path | str = "results") -> pd.DataFrame:
    """What `unbench evaluate` made of the newest attempt of each run, columns as in
    unbench.store.schema.METRIC_COLUMNS.

    Raises:
        StoreError: the folder does not exist, or a file is corrupt or from a newer version of unbench.
    """
    store = Store(folder)
    frame = _frame(store, store.metric_cache, _read_metric_table)
    order = ["dataset", "scenario", "preset", "method", "hparams", "seed", "metric", "of"]
    newest = frame["attempt"].eq(frame.groupby("run_key")["attempt"].transform("max")) | frame["attempt"].isna()
    return frame[newest].sort_values(order, kind="stable").reset_index(drop=True)


def _frame(store: Store, cache: RowsCache, read: Callable[[Path], pa.Table]) -> pd.DataFrame:
    """The rows of all files in one folder of a results folder."""
    store.check_there()
    frame: pd.DataFrame = cache.read(read).to_pandas()
    return frame


def _read_row_table(path: Path) -> pa.Table:
    _attempt_number(path)
    table = read_table(path, COLUMNS)
    if table.num_rows != 1:
        raise DamagedError(path, f"it holds {table.num_rows} rows where one is expected")
    named = f"{table['run_key'][0]}-{table['attempt'][0]}"
    if named != path.stem:
        raise DamagedError(path, f"it is the row of {named}")
    return table


def _read_metric_table(path: Path) -> pa.Table:
    return read_table(path, METRIC_COLUMNS, "'unbench evaluate'")


def load_outputs(folder: Path | str, row: Mapping[str, Any]) -> pa.Table:
    """The per-example outputs of one row; raises StoreError where there are none or they are corrupt."""
    path = Store(folder).outputs_path(row)
    if not path.is_file():
        raise StoreError(f"run {row['run_key']} has no per-example outputs at {path}")
    return read_table(path, OUTPUT_COLUMNS)


def write_json(path: Path, value: Mapping[str, Any], sealed: bool = True) -> None:
    """Write a JSON object atomically, with a seal unless it is to be exactly `value`."""
    content = {**value, CHECKSUM_KEY: BLANK} if sealed else value
    text = (json.dumps(content, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()
    if sealed:
        write_with_checksum(path, text)
    else:
        write_bytes(path, text)


def read_json(path: Path, again: str = RUN, unsealed: bool = False) -> dict[str, Any]:
    """The object that write_json stored, without its seal.

    Args:
        path: of the file.
        again: the command that makes such a file.
        unsealed: whether one without a seal is taken, as it was written before files had seals.

    Raises:
        DamagedError: the file is missing, or not what was written.
        StoreError: it cannot be read.
    """
    content = read_stored(path, again)
    try:
        value = dict(json.loads(content))
    except (ValueError, TypeError) as error:
        raise DamagedError(path, error, again) from error
    sealed = is_marked(content) or CHECKSUM_KEY in value
    if not is_intact(content) and (sealed or not unsealed):
        raise DamagedError(path, "it does not match its seal", again)
    value.pop(CHECKSUM_KEY, None)
    return value


def decode_json(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stored row with its JSON columns parsed."""
    nested = ("hparams", "model_options", "training", "warnings", "missing", "stages")
    return {k: json.loads(v) if k in nested and v is not None else v for k, v in row.items()}


def _identity(path: Path) -> Identity | None:
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_ino, found.st_mtime_ns


def _attempt_number(path: Path) -> int:
    number = path.stem.rpartition("-")[2]
    if not number.isdigit():
        raise StoreError(f"{path} does not belong in a results folder; move it away")
    return int(number)
