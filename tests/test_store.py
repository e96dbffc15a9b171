"""The results folder: atomic, versioned, and never trusting a damaged file."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from unbench.errors import StoreError
from unbench.store.files import atomic_folder, atomic_path, write_text
from unbench.store.results import Store, load_outputs, load_results
from unbench.store.schema import COLUMNS, OUTPUT_COLUMNS, SCHEMA_VERSION
from unbench.store.tables import VERSION_KEY, arrow_schema

REPO = Path(__file__).resolve().parents[1]


def row(key: str = "k", status: str = "ok", **more: object) -> dict[str, object]:
    return {"run_key": key, "status": status, "method": "ft", "dataset": "digits", "seed": 0, **more}


def outputs(rows: int = 2) -> pa.Table:
    one = {"example_id": 1, "split": "test", "label": 0, "original": [0.5, 1.0], "unlearned": [1.0, 2.0]}
    return pa.Table.from_pylist([one] * rows, schema=arrow_schema(OUTPUT_COLUMNS))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path)
    store.check_writable()
    return store


def test_a_row_comes_back_as_it_was_written(store: Store) -> None:
    written = store.write_run(row(test_acc=12.5, n_train=7), outputs())
    assert written["attempt"] == 1
    frame = load_results(store.folder)
    assert list(frame.columns) == [c.name for c in COLUMNS]
    assert frame.loc[0, "test_acc"] == 12.5
    assert frame["retain_acc"].isna().all()
    assert load_outputs(store.folder, written).equals(outputs())


def test_every_attempt_is_kept_and_an_ok_one_outlives_a_later_failure(store: Store) -> None:
    store.write_run(row(status="failed", error="no"), None)
    store.write_run(row(test_acc=1.0), outputs())
    store.write_run(row(status="failed", error="again"), None)
    assert load_results(store.folder)[["attempt", "status"]].to_numpy().tolist() == [[2, "ok"]]
    assert load_results(store.folder, attempts="all")["attempt"].tolist() == [1, 2, 3]
    completed = store.completed("k")
    assert completed is not None
    assert completed["attempt"] == 2
    assert store.completed("other") is None


def test_unknown_columns_are_refused(store: Store) -> None:
    with pytest.raises(KeyError, match="accuracy"):
        store.write_run(row(accuracy=1.0), None)
    assert load_results(store.folder).empty


def test_an_empty_folder_gives_an_empty_frame_and_a_missing_one_an_error(tmp_path: Path) -> None:
    assert load_results(tmp_path).empty
    with pytest.raises(StoreError, match="there is no results folder"):
        load_results(tmp_path / "nowhere")


@pytest.mark.parametrize("damage", ["truncate", "empty", "text", "foreign", "newer", "wrong type"])
def test_damaged_and_foreign_shards_are_named(store: Store, damage: str) -> None:
    path = store.run_path(store.write_run(row(), None))
    content = path.read_bytes()
    schema = arrow_schema(COLUMNS)
    if damage == "truncate":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "text":
        path.write_text("not parquet")
    elif damage == "foreign":
        pq.write_table(pa.table({"a": [1]}), path)
    elif damage == "newer":
        newer = schema.with_metadata({VERSION_KEY: str(SCHEMA_VERSION + 1).encode()})
        pq.write_table(pa.Table.from_pylist([row()], schema=newer), path)
    else:
        pq.write_table(pa.table({"seed": ["x"]}, schema=pa.schema([("seed", pa.string())], schema.metadata)), path)
    with pytest.raises(StoreError, match=re.escape(path.name)):
        load_results(store.folder)


@pytest.mark.parametrize("name", ["k-1 (copy).parquet", "mine.parquet"])
def test_a_file_that_does_not_belong_there_is_not_called_damaged(store: Store, name: str) -> None:
    path = store.run_path(store.write_run(row(), None))
    (path.parent / name).write_bytes(path.read_bytes())
    with pytest.raises(StoreError, match=re.escape(f"{name} does not belong in a results folder; move it away")):
        load_results(store.folder)


def test_a_folder_that_cannot_be_listed_is_said(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(folder: Path) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))

    monkeypatch.setattr("unbench.store.rows_cache.os.scandir", refuse)
    with pytest.raises(StoreError, match=f"cannot read {re.escape(str(store.runs))}: Permission denied"):
        load_results(store.folder)


def test_an_older_file_without_a_column_is_read_with_nulls(store: Store) -> None:
    schema = pa.schema([f for f in arrow_schema(COLUMNS) if f.name != "command"], {VERSION_KEY: b"1"})
    pq.write_table(
        pa.Table.from_pylist([{"run_key": "old", "attempt": 1}], schema=schema), store.runs / "old-1.parquet"
    )
    assert load_results(store.folder)["command"].isna().all()


def test_a_folder_that_cannot_be_written_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="cannot write in the results folder"):
        Store(tmp_path / "file").check_writable()


def test_a_failed_write_leaves_the_old_content_and_no_debris(tmp_path: Path) -> None:
    target = tmp_path / "file.txt"
    target.write_text("old")
    with pytest.raises(RuntimeError, match="power cut"), atomic_path(target) as temporary:
        temporary.write_text("half of the n")
        raise RuntimeError("power cut")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]
    with atomic_path(target) as temporary:
        temporary.write_text("new")
    assert target.read_text() == "new"


def test_a_folder_is_there_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    for error in (KeyboardInterrupt, ValueError):
        with pytest.raises(error), atomic_folder(tmp_path / "folder") as temporary:
            (temporary / "half").touch()
            raise error
        assert not list(tmp_path.iterdir())
    with atomic_folder(tmp_path / "folder") as temporary:
        (temporary / "whole").touch()
        assert not (tmp_path / "folder").exists()
    assert [path.name for path in tmp_path.rglob("*")] == ["folder", "whole"]
    with pytest.raises(StoreError, match="cannot write"), atomic_folder(tmp_path / "folder"):
        pass
    assert (tmp_path / "folder" / "whole").exists()


def test_files_and_folders_are_open_to_whom_the_user_says(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain.txt").touch()
    with atomic_folder(tmp_path / "ours"):
        pass
    write_text(tmp_path / "ours.txt", "")
    for ours, plain in (("ours", "plain"), ("ours.txt", "plain.txt")):
        assert (tmp_path / ours).stat().st_mode == (tmp_path / plain).stat().st_mode


def test_the_schema_is_documented_in_the_files_themselves(store: Store) -> None:
    schema = pq.read_schema(store.run_path(store.write_run(row(), None)))
    assert [field.metadata[b"meaning"].decode() for field in schema] == [c.meaning for c in COLUMNS]
    required = """run_key status error method method_version dataset dataset_version family scenario n_train n_forget
        model preset seed hparams test_acc retain_acc forget_acc mia_auroc avg_gap avg_gap_floor unlearn_seconds
        train_seconds oracle_seconds peak_memory_mb device torch_version unbench_version git_commit git_dirty
        started_at"""
    assert set(required.split()) <= set(schema.names)
