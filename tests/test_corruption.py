"""Damage to a stored file is noticed when the file is read, and repaired where that is possible."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fakes import fake_run
from safetensors.numpy import save

from unbench import evaluate, find_garbage, load_metrics, load_outputs, load_results, run, shadow
from unbench.errors import DamagedError, StoreError
from unbench.experiment.reference_models import read_reference_model
from unbench.experiment.shadow_models.pool import ShadowPool, UnlearnedShadows, pools
from unbench.experiment.splits import _read_index
from unbench.store.arrays import save_arrays
from unbench.store.checksum import BLANK, MARKER, add_checksum, is_intact
from unbench.store.files import read_verified
from unbench.store.metric_rows import write_metric_rows
from unbench.store.results import Store, newest_attempts, read_row
from unbench.store.rows_cache import LEAST
from unbench.store.schema import COMPARISON_COLUMNS, POWER_COLUMNS, SEEDS_COLUMNS
from unbench.store.tables import VERSION_KEY, read_table

SMALL: dict[str, Any] = {"dataset": "synthetic", "preset": "smoke", "device": "cpu"}
METRICS = ["test_acc", "avg_gap", "mia_auroc", "cka_forget", "rmia_auroc", "ulira_auroc"]
KINDS = ("runs", "outputs", "probes", "splits", "stages", "shadows", "metrics", "summary")
DAMAGES = ("truncated", "flipped", "empty", "foreign")
EACH = 28
"""Corruptions of each kind of file; a quarter of each damage. With those of the cache more than 200."""


def newest(store: Store) -> dict[str, tuple[str, int]]:
    """Status and attempt of every run, as a sweep sees them."""
    rows = newest_attempts(store.history())
    return dict(zip(rows["run_key"], zip(rows["status"], rows["attempt"], strict=True), strict=True))


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two methods, probed and evaluated, with shadow models of one."""
    folder = tmp_path_factory.mktemp("pristine")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("unbench.experiment.probes.STEPS", 5)
        for method in ("none", "ft"):
            assert run(method, results=folder, probe=True, **SMALL)["status"] == "ok"
    assert shadow("none", count=4, jobs=1, results=folder, **SMALL).models == 4
    evaluate(folder, METRICS)
    return folder


@pytest.fixture
def results(pristine: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    return Path(shutil.copytree(pristine, tmp_path / "results"))


def files(folder: Path, kind: str) -> list[Path]:
    """The files of one kind."""
    return sorted(path for path in (folder / kind).rglob("*") if path.is_file())


def damaged(content: bytes, damage: str, suffix: str, rng: np.random.Generator) -> bytes:
    """Other bytes than `content`, by the rule."""
    if damage == "truncated":
        return content[: rng.integers(1, len(content))]
    if damage == "flipped":
        return flipped(content, int(rng.integers(8 * len(content))))
    if damage == "empty":
        return b""
    if suffix == ".json":
        return json.dumps({"seed": 0, "about": "something else"}).encode()
    if suffix == ".safetensors":
        return save({"weights": np.zeros(3, np.float32)})
    sink = pa.BufferOutputStream()
    version = [None, {VERSION_KEY: b"2"}][rng.integers(2)]
    table = pa.table({"run_key": ["x"], "test_acc": [99.0]})
    pq.write_table(table.replace_schema_metadata(version), sink)
    return bytes(sink.getvalue().to_pybytes())


def flipped(content: bytes, bit: int) -> bytes:
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def reader(folder: Path, path: Path) -> Callable[[], Any]:
    """What reads a file in earnest."""
    store = Store(folder)
    key, _, attempt = path.stem.rpartition("-")
    row = {"run_key": key, "attempt": attempt}
    if "shadows" in path.parts:
        if path.name == "examples.safetensors":
            return lambda: ShadowPool(path.parent).examples()
        if path.name == "pool.json":
            return lambda: ShadowPool(path.parent).about
        if path.name == "cell.json":
            return lambda: UnlearnedShadows(path.parent).about
        return lambda: ShadowPool(path.parent).read(int(path.stem))
    summaries = {"seeds": SEEDS_COLUMNS, "comparisons": COMPARISON_COLUMNS, "power": POWER_COLUMNS}
    readers: dict[str, Callable[[], Any]] = {
        "runs": lambda: load_results(folder),
        "outputs": lambda: load_outputs(folder, row),
        "probes": lambda: store.read_probes(row),
        "splits": lambda: _read_index(path),
        "stages": lambda: read_reference_model(path.parent),
        "metrics": lambda: load_metrics(folder),
        "summary": lambda: read_table(path, summaries[path.stem]),
    }
    return readers[path.relative_to(folder).parts[0]]


@pytest.mark.parametrize("kind", KINDS)
def test_every_corruption_is_detected_and_named(results: Path, kind: str) -> None:
    rng = np.random.default_rng(KINDS.index(kind))
    there = files(results, kind)
    suffixes = sorted({path.suffix for path in there})
    for number in range(EACH):
        # Each kind of file of a folder in turn, so that a few large ones do not take all.
        of_suffix = [path for path in there if path.suffix == suffixes[number // 4 % len(suffixes)]]
        path = of_suffix[rng.integers(len(of_suffix))]
        damage, content, read = DAMAGES[number % 4], path.read_bytes(), reader(results, path)
        read()
        path.write_bytes(damaged(content, damage, path.suffix, rng))
        with pytest.raises(StoreError, match=re.escape(path.name)) as caught:
            read()
        assert "again to replace it" in str(caught.value) and "\n" not in str(caught.value), damage
        path.write_bytes(content)
        read()


@pytest.fixture
def many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Six runs, and a copy of their rows as large folders have."""
    monkeypatch.setattr("unbench.store.rows_cache.LEAST", 1)
    store = Store(tmp_path / "many")
    for seed in range(3):
        for method in ("none", "ft"):
            fake_run(store, method, seed, outputs=False)
    load_results(store.folder)
    assert store.row_cache.path.is_file()
    return store


def test_a_damaged_copy_of_the_rows_is_made_again(many: Store) -> None:
    expected, path, rng = load_results(many.folder), many.row_cache.path, np.random.default_rng(9)
    before, sound = newest(many), path.read_bytes()
    for number in range(EACH):
        path.write_bytes(damaged(sound, DAMAGES[number % 4], path.suffix, rng))
        first, second = (lambda: newest(many), lambda: load_results(many.folder))[:: 1 if number % 8 < 4 else -1]
        for read in (first, second):
            found = read()
            assert found.equals(expected) if isinstance(found, pd.DataFrame) else found == before
        assert is_intact(path.read_bytes())


def test_no_bit_of_an_index_file_can_change_unnoticed(results: Path) -> None:
    (path,) = files(results, "splits")
    content = path.read_bytes()
    for bit in range(0, 8 * len(content), 3):
        path.write_bytes(flipped(content, bit))
        with pytest.raises(DamagedError):
            _read_index(path)


def test_no_flipped_bit_of_checksum_or_version_turns_a_file_into_an_older_one(results: Path) -> None:
    path = files(results, "runs")[0]
    content = path.read_bytes()
    for text in (MARKER, b"unbench.seal", VERSION_KEY):
        assert content.count(text) == 1, "the other copy of the schema is in base64"
        start = content.index(text)
        for bit in range(8 * (start - 8), 8 * (start + len(text) + 80)):
            path.write_bytes(flipped(content, bit))
            with pytest.raises(DamagedError):
                read_row(path)


def test_a_checksum_is_the_hash_of_the_file_with_zeros_in_its_place() -> None:
    import hashlib

    content = b"before " + BLANK.encode() + b" after"
    signed = add_checksum(content)
    assert signed == content.replace(b"0" * 64, hashlib.sha256(content).hexdigest().encode())
    assert is_intact(signed) and not is_intact(content) and not is_intact(b"none") and not is_intact(signed[:-1])
    for wrong in (b"none", content * 2, signed):
        with pytest.raises(ValueError, match="one blank checksum"):
            add_checksum(wrong)


def numbers(row: dict[str, Any]) -> dict[str, Any]:
    """What must come out the same, whenever it is computed."""
    measured = ("seconds", "memory_mb", "started_at", "attempt")
    return {name: value for name, value in row.items() if not name.endswith(measured)}


@pytest.mark.parametrize("kind", ["runs", "outputs", "probes"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_run_with_a_damaged_file_is_run_again_with_the_same_numbers(
    results: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, kind: str, damage: str
) -> None:
    monkeypatch.setattr("unbench.experiment.probes.STEPS", 5)
    store, before = Store(results), load_results(results).set_index("method").loc["ft"].to_dict()
    path = next(path for path in files(results, kind) if path.stem.startswith(before["run_key"]))
    path.write_bytes(damaged(path.read_bytes(), damage, path.suffix, np.random.default_rng(1)))
    assert kind == "runs" or store.completed(before["run_key"]) is not None, "not read unless asked"
    assert newest(store).get(before["run_key"]) == (None if kind == "runs" else ("ok", 1))
    row = run("ft", results=results, probe=True, **SMALL)
    after = load_results(results).set_index("method").loc["ft"].to_dict()
    pd.testing.assert_series_equal(pd.Series(numbers(after)), pd.Series(numbers(before)))
    assert load_outputs(results, row).num_rows and store.read_probes(row) is not None
    aside = {file.relative_to(store.damaged).parts[0] for file in store.damaged.rglob("*") if file.is_file()}
    assert aside == {"runs", "outputs", "probes", "metrics"}, "all of the attempt, nothing is deleted"
    assert all("set aside" in line and "\n" not in line for line in caplog.messages) and len(caplog.messages) == 4


def test_a_damaged_shadow_model_is_made_again(results: Path, caplog: pytest.LogCaptureFixture) -> None:
    (pool,) = pools(results / "shadows")
    cell = pool.cells()[0]
    broken = [pool.folder / "0001.safetensors", cell.folder / "0002.safetensors", cell.folder / "cell.json"]
    broken += [pool.folder / "pool.json", pool.folder / "examples.safetensors"]
    sound = {path: path.read_bytes() for path in files(results, "shadows")}
    for path in broken:
        path.write_bytes(path.read_bytes()[:-1])
    shadow("none", count=4, jobs=1, results=results, **SMALL)
    assert {path: path.read_bytes() for path in files(results, "shadows")} == sound
    # Retraining is a cell too, and which of the two comes first is a matter of its hash.
    assert len(files(results, "damaged")) == len(caplog.messages) == len(broken)


def test_damaged_metrics_and_summaries_are_computed_again(results: Path, caplog: pytest.LogCaptureFixture) -> None:
    before = load_metrics(results)
    summaries = {path: path.read_bytes() for path in files(results, "summary")}
    for path in (*files(results, "metrics"), *summaries):
        path.write_bytes(path.read_bytes()[:-100])
    pd.testing.assert_frame_equal(evaluate(results, METRICS), before)
    assert {path: path.read_bytes() for path in summaries} == summaries
    assert len(files(results, "damaged")) == len(caplog.messages) == len(files(results, "metrics")) + len(summaries)


def test_what_was_set_aside_before_stays(results: Path) -> None:
    store, path = Store(results), files(results, "splits")[0]
    targets = []
    for content in (b"one", b"two", b"three"):
        path.write_bytes(content)
        targets.append(store.set_aside(path))
    assert [target.read_bytes() for target in targets if target] == [b"one", b"two", b"three"]
    assert not path.exists()


def test_damage_that_cannot_be_set_aside_is_said(results: Path) -> None:
    store, path = Store(results), files(results, "splits")[0]
    store.damaged.write_text("a file where the folder should be")
    with pytest.raises(StoreError, match="cannot move"):
        store.set_aside(path)
    assert path.exists()


def test_of_two_processes_that_find_one_file_damaged_neither_fails(results: Path) -> None:
    store, path = Store(results), files(results, "splits")[0]

    def read(found: Path) -> str:
        """The other process sets the file aside while this one reads it, and the next to come writes it again."""
        content = found.read_text()
        if content == "whole":
            return content
        if content == "damaged, and written again":
            store.set_aside(found)
            found.write_text("whole")
        else:
            store.set_aside(found)
        raise DamagedError(found, "it is damaged")

    path.write_text("damaged")
    assert store.recover(path, read) is None
    path.write_text("damaged, and written again")
    assert store.recover(path, read) == path.read_text() == "whole", "what was written again is not moved away"
    assert len(files(results, "damaged")) == 2
    assert store.set_aside(store.splits / "nothing.json") is None


@dataclass
class FullDisk:
    """Lets some files be written to disk, and no more."""

    room: int

    def fsync(self, handle: int) -> None:
        self.room -= 1
        if self.room < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def debris(folder: Path) -> list[Path]:
    return [path for path in folder.rglob(".*") if path.name not in (".cache", ".gitignore")]


@pytest.mark.parametrize("room", [0, 2, 10, 11, 12])
def test_a_full_disk_is_said_in_one_line_and_leaves_nothing_behind(tmp_path: Path, room: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", FullDisk(room).fsync)
        with pytest.raises(StoreError, match="No space left on device") as caught:
            run("none", results=tmp_path, **SMALL)
    assert "\n" not in str(caught.value)
    assert load_results(tmp_path).empty and not debris(tmp_path)
    row = run("none", results=tmp_path, **SMALL)
    assert row["status"] == "ok" and not (tmp_path / "damaged").exists()


def test_a_full_disk_leaves_what_was_there(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {path: path.read_bytes() for path in results.rglob("*") if path.is_file()}

    def half(self: Path, content: bytes) -> int:
        with self.open("wb") as file:
            file.write(content[: len(content) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    for path in files(results, "stages")[:3]:
        path.parent.exists() and shutil.rmtree(path.parent)
    left = {path: content for path, content in before.items() if path.exists()}
    monkeypatch.setattr(Path, "write_bytes", half)
    store, row = Store(results), load_results(results).iloc[0].to_dict()
    attempts: list[Callable[[], Any]] = [
        lambda: run("none", results=results, force=True, **SMALL),
        lambda: run("ft", results=results, seed=1, **SMALL),
        lambda: write_metric_rows(store.metrics_path(row), row, []),
        lambda: save_arrays(store.probes_path(row), {"x": np.zeros(1)}, {}),
    ]
    for attempt in attempts:
        with pytest.raises(StoreError, match="No space left on device"):
            attempt()
    now = {path: path.read_bytes() for path in results.rglob("*") if path.is_file() and "locks" not in path.parts}
    assert now == {path: content for path, content in left.items() if "locks" not in path.parts}
    assert not debris(results)


@pytest.fixture
def killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A folder whose writer died when all but the row was stored."""
    store, plain = Store(tmp_path), Store.write_run
    answers = {"features/unlearned/forget": np.ones((2, 2))}, {}
    child = os.fork()
    if child == 0:
        monkeypatch.setattr("unbench.store.results.write_table", lambda *_: os._exit(9))
        monkeypatch.setattr(Store, "write_run", lambda *given, metrics: plain(*given, answers, metrics))
        fake_run(store, "ft")
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    yield store


def test_a_process_killed_before_the_row_leaves_no_row_and_no_promise(killed: Store) -> None:
    left = [path for folder in (killed.outputs, killed.probes, killed.metrics) for path in folder.iterdir()]
    assert len(left) == 3
    assert load_results(killed.folder).empty and newest(killed) == {}
    assert load_metrics(killed.folder).empty, "metrics of no attempt are not shown"
    assert {garbage.path for garbage in find_garbage(killed.folder)} >= set(left)
    row = fake_run(killed, "ft")
    assert row["attempt"] == 1, "there was no attempt that came to an end"
    assert killed.read_probes(row) is None, "what was left is not taken for the new attempt's"
    assert killed.completed(row["run_key"], verify=True) == row


def test_only_new_and_changed_shards_are_read(many: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def counting(path: Path, *rest: Any) -> Any:
        read.append(path.name)
        return read_table(path, *rest)

    monkeypatch.setattr("unbench.store.results.read_table", counting)
    before = load_results(many.folder)
    assert read == [] and len(before) == 6
    new, gone, changed = fake_run(many, "ga", outputs=False), *(many.run_path(dict(before.iloc[i])) for i in (0, 1))
    gone.unlink()
    os.utime(changed, ns=(1, 1))
    after = load_results(many.folder)
    assert sorted(read) == sorted([many.run_path(new).name, changed.name])
    assert set(after["run_key"]) == {*before["run_key"][1:], new["run_key"]}
    assert load_results(many.folder).equals(after) and len(read) == 2
    shutil.rmtree(many.row_cache.path.parent)
    assert load_results(many.folder).equals(after) and len(read) == 8


def test_the_newest_ok_attempt_counts(many: Store) -> None:
    row = fake_run(many, "ga", outputs=False)
    fake_run(many, "ga", run_key=row["run_key"], status="failed", outputs=False)
    failed = [fake_run(many, "ga", run_key="other", status="failed", outputs=False) for _ in range(2)]
    found = newest(many)
    assert len(found) == 8
    assert found[row["run_key"]] == ("ok", 1)
    assert found["other"] == ("failed", failed[1]["attempt"]) == ("failed", 2)


def test_a_copy_with_other_columns_is_not_used(many: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from unbench.store.tables import write_arrow

    path, expected = many.row_cache.path, load_results(many.folder)
    table = pq.read_table(path)
    write_arrow(path, table.drop_columns(["test_acc"]))
    assert load_results(many.folder).equals(expected)
    write_arrow(path, table.replace_schema_metadata({VERSION_KEY: b"1"}))
    assert load_results(many.folder).equals(expected)


def test_where_no_copy_can_be_kept_the_rows_are_read(many: Store) -> None:
    expected, cache = load_results(many.folder), many.row_cache.path.parent
    assert (cache / ".gitignore").read_text() == "*\n"
    shutil.rmtree(cache)
    cache.write_text("in the way")
    assert load_results(many.folder).equals(expected) and len(newest(many)) == 6


def test_small_folders_have_no_copy(tmp_path: Path) -> None:
    store = Store(tmp_path)
    fake_run(store, "ft", outputs=False)
    load_results(tmp_path)
    assert LEAST > 1 and not store.row_cache.path.parent.exists()


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DamagedError, match=r"gone\.json is corrupt: it is missing"):
        read_verified(tmp_path / "gone.json")
