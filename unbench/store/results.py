"""Results on disk: attempts of runs, written so that no row promises what is not there, and read back as tables.

Nothing is ever overwritten by a later attempt and nothing is ever unpickled. Every file carries a checksum
(unbench.store.checksum); one that does not match it is never used. Where unbench can compute it again, it is set aside
and computed again. Where each file is: unbench.store.layout.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from unbench.errors import DamagedError, StoreError
from unbench.store.arrays import Arrays, load_arrays, save_arrays
from unbench.store.layout import Layout, attempt_number
from unbench.store.metric_rows import (
    MetricRow,
    identity_of,
    read_metric_rows,
    read_metric_table,
    with_metrics,
    without_metrics,
    write_metric_rows,
)
from unbench.store.rows_cache import RowsCache, stamps
from unbench.store.schema import COLUMNS, MEASURED, METRIC_COLUMNS, OUTPUT_COLUMNS, Row
from unbench.store.tables import arrow_schema, read_table, write_arrow, write_table

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

Answers = tuple[Arrays, dict[str, str]]
"""Answers of a run's models to probes: arrays by name, and reasons for those that could not be asked."""


class Store(Layout):
    """One results folder."""

    def __init__(self, folder: Path | str) -> None:
        super().__init__(folder)
        self.row_cache = RowsCache(self.runs, COLUMNS, self.cache / "rows.parquet", beside=self.metrics)
        self.metric_cache = RowsCache(self.metrics, METRIC_COLUMNS, self.cache / "metrics.parquet")

    def write_run(
        self,
        row: Row,
        outputs: pa.Table | None,
        answers: Answers | None = None,
        metrics: Iterable[MetricRow] = (),
    ) -> dict[str, Any]:
        """Store one attempt and return the row with its attempt number and its metrics.

        The row is written last: if the process is killed before, no row promises what is not there.

        Args:
            row: columns of unbench.store.schema.COLUMNS. Values of MEASURED columns are stored as metrics.
            outputs: per-example outputs, columns OUTPUT_COLUMNS.
            answers: of the models to probes.
            metrics: of the run; they replace those in the row.

        Raises:
            KeyError: the row has a column that is not in the schema.
            StoreError: a file cannot be written; the row is not there then.
        """
        unknown = row.keys() - {c.name for c in COLUMNS}
        if unknown:
            raise KeyError(f"not in the schema: {sorted(unknown)}")
        own, measured = without_metrics(row, metrics)
        with self.lock("rows"):
            past = self.attempts(row["run_key"])
            own["attempt"] = attempt_number(past[-1]) + 1 if past else 1
            for left in self.attempt_files(own):
                left.unlink(missing_ok=True)  # by a process that was killed before it wrote the row
            if outputs is not None:
                write_arrow(self.outputs_path(own), outputs, compression="zstd")
            if answers is not None:
                save_arrays(self.probes_path(own), *answers)
            if measured:
                write_metric_rows(self.metrics_path(own), identity_of(own), measured)
            table = write_table(self.run_path(own), [own], COLUMNS)
        return with_metrics(table.to_pylist()[0], measured)

    def completed(self, run_key: str, verify: bool = False) -> dict[str, Any] | None:
        """Return the newest row of this run with status ok, or None.

        A damaged attempt is set aside and counts as not there. Damaged metrics are set aside, and the row lacks them.

        Args:
            run_key: of the run.
            verify: also read the outputs and the probes of that attempt, which counts only if they are intact.

        Raises:
            StoreError: a file cannot be read, or is from a newer version of unbench.
        """
        for path in reversed(self.attempts(run_key)):
            try:
                row = _read_own_row(path)
                if row["status"] == "ok":
                    if verify:
                        self._verify(row)
                    return self._with_recovered_metrics(row)
            except DamagedError as error:
                # Together: a later attempt may get its number, and must find nothing of it.
                for part in self.attempt_files({"run_key": run_key, "attempt": attempt_number(path)}):
                    self.set_aside(part, error.what)
        return None

    def newest_attempt(self, run_key: str) -> dict[str, Any] | None:
        """Return the row of this run's newest attempt, whatever its status, or None; damaged ones are set aside."""
        for path in reversed(self.attempts(run_key)):
            row = self.recover(path, _read_own_row)
            if row is not None:
                return self._with_recovered_metrics(row)
        return None

    def history(self) -> pd.DataFrame:
        """Return the rows of all attempts of all runs; damaged ones count as not there and stay where they are."""
        incomplete: set[str] = set()

        def read(path: Path) -> pa.Table | None:
            try:
                return _read_complete_row(path)
            except DamagedError:
                pass
            try:
                row = _read_row_table(path)
            except DamagedError:
                return None
            incomplete.add(path.name)
            return row

        frame: pd.DataFrame = self.row_cache.read(read, not_kept=incomplete).to_pandas()
        return frame

    def evaluated(self, versions: Mapping[str, int]) -> set[str]:
        """Return the keys of runs with more metrics than a run computes by itself; damaged files are set aside.

        Args:
            versions: of each metric's definition; runs with an older value of any are left out.
        """
        by_itself = {metric for metric, _ in MEASURED.values()}
        names = ["run_key", "metric", "metric_version"]
        found = self.metric_cache.read(lambda path: self.recover(path, read_metric_table), names)
        rows = found.group_by(names).aggregate([]).to_pylist()
        outdated = {row["run_key"] for row in rows if row["metric_version"] < versions.get(row["metric"], 1)}
        return {row["run_key"] for row in rows if row["metric"] not in by_itself} - outdated

    def read_probes(self, row: Row) -> Answers | None:
        """Return the answers of a row's models to probes, or None if they were not asked.

        Raises:
            StoreError: the file is damaged.
        """
        path = self.probes_path(row)
        return load_arrays(path, "'unbench run --probe'") if path.is_file() else None

    def is_whole(self, row: Row) -> bool:
        """Return True if the outputs and the probes of a row are intact, as far as there are any."""
        try:
            self._verify(row)
        except DamagedError:
            return False
        return True

    def _verify(self, row: Row) -> None:
        if self.outputs_path(row).is_file():
            load_outputs(self.folder, row)
        self.read_probes(row)

    def _with_recovered_metrics(self, row: Row) -> dict[str, Any]:
        return with_metrics(row, self.recover(self.metrics_path(row), read_metric_rows) or ())


def read_row(path: Path) -> dict[str, Any]:
    """Return the row of one file in RESULTS/runs, with its metrics.

    Raises:
        StoreError: either file is corrupt or from a newer version of unbench.
    """
    return with_metrics(_read_own_row(path), read_metric_rows(_metrics_beside(path)))


def load_results(folder: Path | str = "results", attempts: Literal["latest", "all"] = "latest") -> pd.DataFrame:
    """Return all rows of a results folder as one DataFrame, columns as in unbench.store.schema.COLUMNS.

    Args:
        folder: the results folder.
        attempts: "latest" gives one row per run: its newest ok attempt, else its newest; "all" gives every one.

    Raises:
        StoreError: the folder does not exist, or a file of it is corrupt or from a newer version of unbench.
    """
    store = Store(folder)
    frame = _frame(store, store.row_cache, _read_complete_row)
    if attempts == "latest":
        frame = newest_attempts(frame)
    order = ["dataset", "scenario", "preset", "method", "seed", "run_key", "attempt"]
    return frame.sort_values(order, kind="stable").reset_index(drop=True)


def newest_attempts(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row per run_key: its newest ok attempt, else its newest."""
    return (
        frame.assign(_ok=frame["status"] == "ok")
        .sort_values(["run_key", "_ok", "attempt"], kind="stable")
        .drop_duplicates("run_key", keep="last")
        .drop(columns="_ok")
    )


def load_metrics(folder: Path | str = "results") -> pd.DataFrame:
    """Return the metrics of the newest attempt of each run, columns as in unbench.store.schema.METRIC_COLUMNS.

    Raises:
        StoreError: the folder does not exist, or a file is corrupt or from a newer version of unbench.
    """
    store = Store(folder)
    frame = _frame(store, store.metric_cache, read_metric_table)
    # A process that was killed before it wrote the row has left metrics of no attempt.
    rows = stamps(store.runs)
    names = frame["run_key"] + "-" + frame["attempt"].astype("Int64").astype("string") + ".parquet"
    frame = frame[frame["attempt"].isna() | names.isin(rows.keys())]
    order = ["dataset", "scenario", "preset", "method", "hparams", "seed", "metric", "of"]
    newest = frame["attempt"].eq(frame.groupby("run_key")["attempt"].transform("max")) | frame["attempt"].isna()
    return frame[newest].sort_values(order, kind="stable").reset_index(drop=True)


def load_outputs(folder: Path | str, row: Row) -> pa.Table:
    """Return the per-example outputs of one row; raises StoreError if there are none or they are corrupt."""
    path = Layout(folder).outputs_path(row)
    if not path.is_file():
        raise StoreError(f"run {row['run_key']} has no per-example outputs at {path}")
    return read_table(path, OUTPUT_COLUMNS)


def decode_json(row: Row) -> dict[str, Any]:
    """Return a stored row with its JSON columns parsed."""
    nested = ("hparams", "model_options", "training", "warnings", "missing", "stages", "metric_versions")
    return {k: json.loads(v) if k in nested and v is not None else v for k, v in row.items()}


def _frame(store: Store, cache: RowsCache, read: Callable[[Path], pa.Table]) -> pd.DataFrame:
    """Return the rows of all files in one folder of a results folder."""
    store.check_there()
    frame: pd.DataFrame = cache.read(read).to_pandas()
    return frame


def _metrics_beside(path: Path) -> Path:
    """Return where the metrics of a file in RESULTS/runs are."""
    return path.parent.parent / "metrics" / path.name


def _read_complete_row(path: Path) -> pa.Table:
    """Return the row of one file in RESULTS/runs, with its metrics, as a table."""
    import pyarrow as pa

    own, metrics = _read_row_table(path), read_metric_rows(_metrics_beside(path))
    if not metrics:
        return own
    return pa.Table.from_pylist([with_metrics(own.to_pylist()[0], metrics)], schema=arrow_schema(COLUMNS))


def _read_own_row(path: Path) -> dict[str, Any]:
    """Return what one file in RESULTS/runs itself holds."""
    return dict(_read_row_table(path).to_pylist()[0])


def _read_row_table(path: Path) -> pa.Table:
    attempt_number(path)
    table = read_table(path, COLUMNS)
    if table.num_rows != 1:
        raise DamagedError(path, f"it holds {table.num_rows} rows instead of one")
    named = f"{table['run_key'][0]}-{table['attempt'][0]}"
    if named != path.stem:
        raise DamagedError(path, f"it is the row of {named}")
    return table
