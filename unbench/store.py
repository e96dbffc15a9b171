"""The results folder: one Parquet shard per attempt, its per-example outputs beside it.

    RESULTS/runs/<run_key>-<attempt>.parquet      one row, columns in unbench.schema.COLUMNS
    RESULTS/outputs/<run_key>-<attempt>.parquet   one row per example, unbench.schema.OUTPUT_COLUMNS
    RESULTS/splits/<name>-<hash>.json             frozen index files
    RESULTS/stages/<role>-<key>/                  models trained once and shared
    RESULTS/shadows/<pool>/                       outputs of shadow models (unbench.shadows)
    RESULTS/probes/<run_key>-<attempt>.safetensors  what the models were asked with --probe
    RESULTS/metrics/<run_key>-<attempt>.parquet   what `unbench evaluate` made of the outputs
    RESULTS/summary/*.parquet                     the same over seeds, and methods compared in pairs
    RESULTS/sweeps/<key>.json                     what each sweep was asked for
    RESULTS/logs/<task>.log                       what happened, for each run and stage of a sweep
    RESULTS/locks/                                who is at work on what (unbench.claims)

Nothing is ever overwritten by a later attempt and nothing is ever unpickled.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from filelock import FileLock

from unbench.arrays import Arrays, load_arrays, save_arrays
from unbench.errors import StoreError
from unbench.files import atomic_path
from unbench.schema import COLUMNS, METRIC_COLUMNS, OUTPUT_COLUMNS, SCHEMA_VERSION, Column

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray

VERSION_KEY = b"unbench.schema_version"


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

    def check_writable(self) -> None:
        """Raise StoreError now rather than after an hour of training."""
        for folder in (self.runs, self.outputs, self.splits, self.stages):
            try:
                folder.mkdir(parents=True, exist_ok=True)
                probe = folder / ".probe"
                probe.touch()
                probe.unlink()
            except OSError as error:
                raise StoreError(f"cannot write in the results folder {folder}: {error.strerror}") from error

    def lock(self, name: str) -> FileLock:
        """A lock of the operating system, released when its process dies, so that work is not done twice."""
        return FileLock(self.folder / "locks" / f"{name}.lock")

    def attempts(self, run_key: str) -> list[Path]:
        """The shards of one run, oldest first."""
        return sorted(self.runs.glob(f"{run_key}-*.parquet"), key=_attempt_number)

    def completed(self, run_key: str) -> dict[str, Any] | None:
        """The newest row of this run with status ok, or None."""
        for path in reversed(self.attempts(run_key)):
            row = read_row(path)
            if row["status"] == "ok":
                return row
        return None

    def newest(self, run_key: str) -> dict[str, Any] | None:
        """The row of the newest attempt of this run, whatever its status, or None."""
        past = self.attempts(run_key)
        return read_row(past[-1]) if past else None

    def history(self) -> pd.DataFrame:
        """The rows of all attempts of all runs, as they are stored."""
        return _frame(self, self.runs, COLUMNS)

    def write_run(self, row: Mapping[str, Any], outputs: pa.Table | None, probed: Any = None) -> dict[str, Any]:
        """Store one attempt, outputs first, and return the row with its attempt number."""
        import pyarrow.parquet as pq

        run_key = row["run_key"]
        (self.folder / "locks").mkdir(parents=True, exist_ok=True)
        with self.lock("rows"):
            past = self.attempts(run_key)
            attempt = _attempt_number(past[-1]) + 1 if past else 1
            complete = {**row, "attempt": attempt}
            unknown = complete.keys() - {c.name for c in COLUMNS}
            if unknown:
                raise KeyError(f"not in the schema: {sorted(unknown)}")
            if outputs is not None:
                with atomic_path(self.outputs_path(complete)) as path:
                    pq.write_table(outputs, path, compression="zstd")
            if probed is not None:
                self.write_probes(complete, probed.arrays, probed.missing)
            table = write_table(self.run_path(complete), [complete], COLUMNS)
        return dict(table.to_pylist()[0])

    def run_path(self, row: Mapping[str, Any]) -> Path:
        """The shard of a row."""
        return self.runs / f"{row['run_key']}-{row['attempt']}.parquet"

    def metrics_path(self, row: Mapping[str, Any]) -> Path:
        """Where the metrics of a row are, if any were computed."""
        return self.metrics / f"{row['run_key']}-{row['attempt']}.parquet"

    def read_metrics(self, path: Path) -> list[dict[str, Any]]:
        """The rows of one file of metrics, none if it is not there; raises StoreError if it is corrupt."""
        return list(_read(path, METRIC_COLUMNS).to_pylist()) if path.is_file() else []

    def write_metrics(self, path: Path, rows: list[dict[str, Any]]) -> None:
        """Store rows with the columns unbench.schema.METRIC_COLUMNS in place of what was there."""
        write_table(path, rows, METRIC_COLUMNS)

    def probes_path(self, row: Mapping[str, Any]) -> Path:
        """Where the answers of the models of a row are, if they were asked."""
        return self.probes / f"{row['run_key']}-{row['attempt']}.safetensors"

    def has_probes(self, run_key: str) -> bool:
        """Whether the models of some attempt of a run were asked."""
        return any(self.probes.glob(f"{run_key}-*.safetensors"))

    def write_probes(
        self, row: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], missing: Mapping[str, str]
    ) -> None:
        """Store arrays by name, and for what could not be asked the reason."""
        save_arrays(self.probes_path(row), arrays, missing)

    def read_probes(self, row: Mapping[str, Any]) -> tuple[Arrays, dict[str, str]] | None:
        """Arrays by name and reasons, or None if the models were not asked; raises StoreError for a damaged file."""
        path = self.probes_path(row)
        return load_arrays(path) if path.is_file() else None

    def outputs_path(self, row: Mapping[str, Any]) -> Path:
        """Where the per-example outputs of a row are, if it has any."""
        return self.outputs / f"{row['run_key']}-{row['attempt']}.parquet"


def arrow_schema(columns: tuple[Column, ...]) -> pa.Schema:
    """The Arrow schema of `columns`, carrying the schema version."""
    import pyarrow as pa

    types = {
        "string": pa.string(),
        "int64": pa.int64(),
        "double": pa.float64(),
        "bool": pa.bool_(),
        "list<float>": pa.list_(pa.float32()),
    }
    fields = [pa.field(c.name, types[c.type], metadata={"meaning": c.meaning}) for c in columns]
    return pa.schema(fields, metadata={VERSION_KEY: str(SCHEMA_VERSION).encode()})


def read_row(path: Path) -> dict[str, Any]:
    """The row of one shard; raises StoreError naming a shard that is corrupt or from a newer schema."""
    table = _read(path, COLUMNS)
    if table.num_rows != 1:
        raise StoreError(f"{path} holds {table.num_rows} rows where one is expected; move it away")
    return dict(table.to_pylist()[0])


def load_results(folder: Path | str = "results", attempts: Literal["latest", "all"] = "latest") -> pd.DataFrame:
    """All rows of a results folder as one DataFrame, columns as in unbench.schema.COLUMNS.

    Args:
        folder: the results folder.
        attempts: "latest" gives one row per run: its newest ok attempt, else its newest; "all" gives every one.

    Raises:
        StoreError: the folder does not exist, or a shard is corrupt or from a newer version of unbench.
    """
    store = Store(folder)
    frame = _frame(store, store.runs, COLUMNS)
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
    """What `unbench evaluate` made of the newest attempt of each run, columns as in unbench.schema.METRIC_COLUMNS.

    Raises:
        StoreError: the folder does not exist, or a file is corrupt or from a newer version of unbench.
    """
    store = Store(folder)
    frame = _frame(store, store.metrics, METRIC_COLUMNS)
    order = ["dataset", "scenario", "preset", "method", "hparams", "seed", "metric", "of"]
    newest = frame["attempt"].eq(frame.groupby("run_key")["attempt"].transform("max")) | frame["attempt"].isna()
    return frame[newest].sort_values(order, kind="stable").reset_index(drop=True)


def _frame(store: Store, folder: Path, columns: tuple[Column, ...]) -> pd.DataFrame:
    """The rows of all files in one folder of a results folder."""
    import pyarrow as pa

    if not store.folder.is_dir():
        raise StoreError(f"there is no results folder {store.folder}; 'unbench run' makes one")
    tables = [_read(path, columns) for path in sorted(folder.glob("*.parquet"))]
    table = pa.concat_tables(tables) if tables else arrow_schema(columns).empty_table()
    frame: pd.DataFrame = table.to_pandas()
    return frame


def load_outputs(folder: Path | str, row: Mapping[str, Any]) -> pa.Table:
    """The per-example outputs of one row; raises StoreError where there are none or they are corrupt."""
    path = Store(folder).outputs_path(row)
    if not path.is_file():
        raise StoreError(f"run {row['run_key']} has no per-example outputs at {path}")
    return _read(path, OUTPUT_COLUMNS)


def write_table(path: Path, rows: Sequence[Mapping[str, Any]], columns: tuple[Column, ...]) -> pa.Table:
    """Store rows as Parquet, atomically, in place of what was there; a column that a row lacks is null there."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pylist(list(rows), schema=arrow_schema(columns))
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary)
    return table


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n", "utf-8")


def _attempt_number(path: Path) -> int:
    number = path.stem.rpartition("-")[2]
    if not number.isdigit():
        raise StoreError(f"{path} does not belong in a results folder; move it away")
    return int(number)


def _read(path: Path, columns: tuple[Column, ...]) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # ParquetFile reads this file alone: read_table would take the folder names for partitions.
        with pq.ParquetFile(path) as file:
            table = file.read()
    except (pa.ArrowInvalid, pa.ArrowException, OSError) as error:
        raise StoreError(f"{path} is corrupt or no Parquet file: {str(error).splitlines()[0]}") from error
    version = (table.schema.metadata or {}).get(VERSION_KEY)
    if version is None or not version.isdigit():
        raise StoreError(f"{path} was not written by unbench")
    if int(version) > SCHEMA_VERSION:
        raise StoreError(f"{path} has schema {int(version)}, newer than {SCHEMA_VERSION}; upgrade unbench")
    wanted = arrow_schema(columns)
    try:
        arrays = [
            table[field.name].cast(field.type)
            if field.name in table.column_names
            else pa.nulls(table.num_rows, field.type)
            for field in wanted
        ]
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise StoreError(f"{path} does not follow the schema: {str(error).splitlines()[0]}") from error
    return pa.Table.from_arrays(arrays, schema=wanted)
