"""Files in a results folder that no run needs."""

import json
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from unbench.errors import StoreError, UnbenchError
from unbench.experiment.reference_models import is_stored
from unbench.experiment.settings import Settings
from unbench.store.locks import holders, is_held
from unbench.store.results import Store, load_results
from unbench.sweeps.plan import FAILED, Planner
from unbench.sweeps.sweep_file import stored_cards


@dataclass(frozen=True)
class Garbage:
    """A file or a folder that can be removed, and why."""

    path: Path
    why: str

    @property
    def size(self) -> int:
        """Bytes that removing it frees."""
        files = self.path.rglob("*") if self.path.is_dir() else [self.path]
        return sum(file.stat().st_size for file in files if file.is_file())


def find_garbage(results: Path | str = "results", data_root: Path | str | None = None) -> list[Garbage]:
    """Find what no stored run and no sweep that was started needs; rows, splits, logs and evaluated pools always stay.

    Args:
        results: the results folder.
        data_root: folder of the data, to know which models the unfinished sweeps need.

    Raises:
        StoreError: there is no such folder, a file in it is corrupt, or a process is at work in it.
    """
    settings = Settings.of({"results": results, "data_root": data_root})
    store = settings.store
    store.check_there("unbench sweep")
    busy = holders(store.locks)
    if busy:
        name, who = next(iter(busy.items()))
        raise StoreError(f"process {who.pid} on {who.host} is at work in {store.folder} (on {name}); try later")
    damaged = [Garbage(path, "damaged, and set aside") for path in sorted(store.damaged.glob("*"))]
    free = [path for path in store.locks.glob("*") if path.suffix != ".lock" or not is_held(store.locks, path.stem)]
    locks = [Garbage(path, "no process holds it") for path in sorted(free)]
    return [*_leftovers(store), *_of_attempts(store), *_reference_models(settings), *damaged, *locks]


def remove(garbage: Iterable[Garbage]) -> int:
    """Delete, and return the number of bytes freed."""
    freed = 0
    for one in garbage:
        freed += one.size
        if one.path.is_dir():
            shutil.rmtree(one.path)
        else:
            one.path.unlink(missing_ok=True)
    return freed


def _leftovers(store: Store) -> Iterator[Garbage]:
    checked = (store.runs, store.outputs, store.splits, store.stages, store.probes, store.metrics, store.summary)
    for folder in (*checked, store.sweeps, *store.shadows.glob("*"), *store.shadows.glob("*/*")):
        for path in sorted(folder.glob(".*")):
            if path.suffix == ".part" or (folder == store.stages and path.is_dir()):
                yield Garbage(path, "half written by a process that was ended")


def _of_attempts(store: Store) -> Iterator[Garbage]:
    # A damaged row is an error here: its outputs may still be of use.
    rows = load_results(store.folder, "all")
    there = set(zip(rows["run_key"], rows["attempt"].astype(str), strict=True))
    newest = rows[rows["status"] == "ok"].groupby("run_key")["attempt"].max()
    for folder in (store.outputs, store.probes, store.metrics):
        for path in sorted(folder.glob("[!.]*")):
            key, _, attempt = path.stem.rpartition("-")
            if not attempt.isdecimal() or key.startswith("shadows"):
                continue
            if (key, attempt) not in there:
                yield Garbage(path, "it has no row: its run was ended before it was done")
            # The rows of earlier attempts stay, and are read together with their metrics.
            elif folder != store.metrics and int(attempt) < newest.get(key, 0):
                yield Garbage(path, f"attempt {newest[key]} replaced it")


def _reference_models(settings: Settings) -> Iterator[Garbage]:
    store = settings.store
    rows = store.history()
    rows = rows[rows["status"] == "ok"]
    if rows["stages"].isna().any():
        return  # rows of older versions do not name their models
    needed = {name for text in rows["stages"] for name in json.loads(text).values()}
    planner = Planner(settings, download=False)
    try:
        for card in stored_cards(store):
            needed |= set(planner.plan(card.runs(settings.results), retry=FAILED).shared)
    except UnbenchError:
        return  # what cannot be planned here may be needed
    pooled = any(store.shadows.glob("*/pool.json"))
    for path in sorted(store.stages.glob("[!.]*")):
        if path.name not in needed and not (pooled and path.name.startswith("shadow")):
            yield Garbage(path, "a model that no run in this folder starts from or is compared with")
    for path in sorted(store.stages.glob(".*.checkpoint")):
        if (name := path.stem[1:]) not in needed or is_stored(store, name):
            yield Garbage(path, "the state of a training that no run in this folder waits for")
