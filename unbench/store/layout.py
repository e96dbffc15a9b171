"""The folders of a results folder: where each file is, who holds a lock, and where damaged files go.

RESULTS/runs/<run_key>-<attempt>.parquet      one row, columns in unbench.store.schema.COLUMNS
RESULTS/metrics/<run_key>-<attempt>.parquet   metrics of that attempt, unbench.store.schema.METRIC_COLUMNS
RESULTS/outputs/<run_key>-<attempt>.parquet   one row per example, unbench.store.schema.OUTPUT_COLUMNS
RESULTS/probes/<run_key>-<attempt>.safetensors  answers of the models to --probe
RESULTS/splits/<name>-<hash>.json             frozen index files
RESULTS/stages/<role>-<key>/                  models trained once and shared
RESULTS/stages/.<role>-<key>.checkpoint       state of a long training run that has not ended
RESULTS/shadows/<pool>/                       outputs of shadow models (unbench.experiment.shadow_models)
RESULTS/summary/*.parquet                     metrics over seeds, and methods compared in pairs
RESULTS/sweeps/<key>.json                     the request of each sweep
RESULTS/logs/<task>.log                       log of each run and each shared model of a sweep
RESULTS/locks/                                who is at work on what (unbench.store.locks)
RESULTS/damaged/...                           files that are not what was written, under the path they had
RESULTS/.cache/                               copies of many small files (unbench.store.rows_cache)
"""

import logging
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import TypeVar

from filelock import FileLock

from unbench.errors import DamagedError, StoreError, refusals_as
from unbench.store.rows_cache import Stamp, stamps
from unbench.store.schema import Row

T = TypeVar("T")
Identity = tuple[int, int]
"""Inode and time of change: another file or folder under the same path has others."""


class Layout:
    """Paths and locks of one results folder."""

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self.runs = self.folder / "runs"
        self.metrics = self.folder / "metrics"
        self.outputs = self.folder / "outputs"
        self.probes = self.folder / "probes"
        self.splits = self.folder / "splits"
        self.stages = self.folder / "stages"
        self.shadows = self.folder / "shadows"
        self.summary = self.folder / "summary"
        self.sweeps = self.folder / "sweeps"
        self.logs = self.folder / "logs"
        self.locks = self.folder / "locks"
        self.damaged = self.folder / "damaged"
        self.cache = self.folder / ".cache"

    def run_path(self, row: Row) -> Path:
        """Return the path of a row's own file."""
        return self.runs / f"{row['run_key']}-{row['attempt']}.parquet"

    def metrics_path(self, row: Row) -> Path:
        """Return the path of a row's metrics, which need not be there."""
        return self.metrics / f"{row['run_key']}-{row['attempt']}.parquet"

    def outputs_path(self, row: Row) -> Path:
        """Return the path of a row's per-example outputs, which need not be there."""
        return self.outputs / f"{row['run_key']}-{row['attempt']}.parquet"

    def probes_path(self, row: Row) -> Path:
        """Return the path of the answers of a row's models, which need not be there."""
        return self.probes / f"{row['run_key']}-{row['attempt']}.safetensors"

    def attempt_files(self, row: Row) -> list[Path]:
        """Return the paths of all files of one attempt, the row first; the others need not be there."""
        return [self.run_path(row), self.outputs_path(row), self.metrics_path(row), self.probes_path(row)]

    def attempts(self, run_key: str) -> list[Path]:
        """Return the paths of the rows of one run, oldest first."""
        return sorted(self.runs.glob(f"{run_key}-*.parquet"), key=attempt_number)

    def stamps(self) -> dict[str, Stamp]:
        """Return size and time of change of each file of rows, metrics and their summary; none is opened.

        Raises:
            StoreError: a folder cannot be listed.
        """
        folders = (self.runs, self.metrics, self.summary)
        return {f"{folder.name}/{name}": stamp for folder in folders for name, stamp in stamps(folder).items()}

    def check_writable(self) -> None:
        """Raise StoreError now rather than after an hour of training."""
        for folder in (self.runs, self.outputs, self.splits, self.stages):
            with refusals_as(StoreError, f"cannot write in the results folder {folder}"):
                folder.mkdir(parents=True, exist_ok=True)
                probe = folder / ".probe"
                probe.touch()
                probe.unlink(missing_ok=True)  # another process may be checking as well

    def check_there(self, made_by: str = "unbench run") -> None:
        """Raise StoreError, naming the command that makes such a folder, if there is none."""
        if self.folder.is_file():
            raise StoreError(f"{self.folder} is a file, not a results folder")
        if not self.folder.is_dir():
            raise StoreError(f"there is no results folder {self.folder}; '{made_by}' makes one")

    def lock(self, name: str) -> FileLock:
        """Return a lock of the operating system, which is released when its process dies."""
        return FileLock(self.locks / f"{name}.lock")

    def set_aside(self, path: Path, why: str = "it is damaged", seen: Identity | None = None) -> Path | None:
        """Move a file or folder of this results folder to RESULTS/damaged, under a free name, and log a warning.

        Args:
            path: of the file or folder.
            why: what is wrong with it.
            seen: which one was found to be damaged; None for whichever is there.

        Returns:
            The new path; None if that file is not there any more, because another process was faster.

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
        """Return what `read` makes of a file or folder; None if it is not there, or damaged and now set aside.

        Raises:
            StoreError: `read` does, for another reason than damage; or the damaged file cannot be moved.
        """
        while (seen := _identity(path)) is not None:
            try:
                return read(path)
            except DamagedError as error:
                self.set_aside(path, error.what, seen)
        return None


def attempt_number(path: Path) -> int:
    """Return the attempt that a file's name ends with.

    Raises:
        StoreError: the file has another name.
    """
    number = path.stem.rpartition("-")[2]
    if not number.isdigit():
        raise StoreError(f"{path} does not belong in a results folder; move it away")
    return int(number)


def _identity(path: Path) -> Identity | None:
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_ino, found.st_mtime_ns
