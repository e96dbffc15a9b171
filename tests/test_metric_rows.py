"""One truth for a metric: rows, leaderboard and repeated runs show what the table of metrics holds."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from fakes import fake_run

from unbench import evaluate, find_garbage, load_metrics, load_results, run
from unbench.analysis.board.leaderboard import leaderboard
from unbench.metrics import METRICS
from unbench.store.metric_rows import MetricRow, MetricsFile, identity_of, read_metric_rows, with_metrics
from unbench.store.results import Store, read_row
from unbench.store.schema import COLUMNS, MEASURED, METRIC_COLUMNS, SCHEMA_VERSION
from unbench.store.tables import VERSION_KEY, arrow_schema, read_arrow, write_arrow, write_table

REFERENCE = Path(__file__).resolve().parents[1] / "results" / "reference"
SMALL: dict[str, Any] = {"dataset": "synthetic", "preset": "smoke", "device": "cpu"}
NAMES = [column.name for column in COLUMNS]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def second_version(patch: pytest.MonkeyPatch, name: str = "test_acc", value: float = 12.5) -> None:
    """Replace a metric by one whose definition has changed."""
    newer = replace(METRICS[name], version=2, interval=False, function=lambda run, model: value)
    patch.setitem(METRICS, name, newer)


def outdated(store: Store) -> list[str]:
    return leaderboard(load_results(store.folder))["outdated"].tolist()


def test_a_rows_own_file_holds_no_metrics(store: Store) -> None:
    row = fake_run(store, "ft", scenario="class")
    (own,) = read_arrow(store.run_path(row)).to_pylist()
    assert all(own[column] is None for column in (*MEASURED, "metric_versions")) and own["missing"] == "{}"
    metrics = {one.key: one for one in read_metric_rows(store.metrics_path(row))}
    for column in ("test_acc", "forget_class_test_acc", "avg_gap_floor", "oracle_mia_auroc"):
        found = metrics[MEASURED[column]]
        assert row[column] == found.value and found.low <= found.value <= found.high
    assert json.loads(row["missing"]).keys() == {"val_acc", "val_gap"}
    assert (
        read_row(store.run_path(row)) == store.completed(row["run_key"]) == store.newest_attempt(row["run_key"]) == row
    )


def test_a_second_version_of_a_metric_reaches_every_reader(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    before = [fake_run(store, "ft", seed) for seed in (0, 1)]
    assert outdated(store) == [""] and before[0]["metric_versions"] is None
    second_version(monkeypatch)
    assert outdated(store) == ["metric test_acc v1, now v2"]
    evaluate(store.folder, ["mia_auroc"])
    assert outdated(store) == [""], "evaluate brings the metrics of rows up to date, whichever are asked for"
    rows = load_results(store.folder)
    for column in ("test_acc", "original_test_acc", "oracle_test_acc"):
        assert set(rows[column]) == {12.5}
    assert set(rows["retain_acc"]) == {row["retain_acc"] for row in before}, "the others stay"
    versions = {"test_acc": 2, "original_test_acc": 2, "oracle_test_acc": 2}
    assert [json.loads(text) for text in rows["metric_versions"]] == [versions, versions]
    assert leaderboard(rows)["test_acc_mean"].tolist() == [12.5]
    found = load_metrics(store.folder).query("metric == 'test_acc'")
    assert set(found["value"]) == {12.5} and set(found["metric_version"]) == {2}
    one = store.completed(before[0]["run_key"])
    assert one is not None and one["test_acc"] == 12.5
    assert store.history()["test_acc"].tolist() == [12.5, 12.5]


def test_one_seed_of_an_older_version_makes_the_row_outdated(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_run(store, "ft", 0)
    fake_run(store, "ft", 1, outputs=False)
    second_version(monkeypatch, "avg_gap")
    evaluate(store.folder)
    assert outdated(store) == ["metric avg_gap v1, now v2"]


def test_a_metric_that_a_row_has_no_value_of_does_not_make_it_outdated(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_run(store, "ft")
    for name in ("pathway_sensitivity_val", "forget_class_test_acc", "js_forget"):
        second_version(monkeypatch, name)
    assert outdated(store) == [""]


def test_a_stored_run_is_measured_again_and_not_trained_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    before = run("none", results=store.folder, **SMALL)
    files = {path: path.stat().st_mtime_ns for folder in (store.runs, store.outputs) for path in folder.iterdir()}
    assert run("none", results=store.folder, **SMALL) == before
    second_version(monkeypatch)
    again = run("none", results=store.folder, **SMALL)
    assert again["test_acc"] == again["oracle_test_acc"] == 12.5 and again["retain_acc"] == before["retain_acc"]
    assert load_results(store.folder).loc[0, "test_acc"] == 12.5
    now = {path: path.stat().st_mtime_ns for folder in (store.runs, store.outputs) for path in folder.iterdir()}
    assert now == files


@pytest.mark.parametrize("again", ["run", "evaluate"])
@pytest.mark.parametrize("damage", [lambda path: path.write_bytes(path.read_bytes()[:-9]), Path.unlink])
def test_lost_metrics_are_computed_again_from_the_outputs(
    store: Store, damage: Callable[[Path], Any], again: str, caplog: pytest.LogCaptureFixture
) -> None:
    before = run("none", results=store.folder, **SMALL)
    table = load_metrics(store.folder)
    damage(store.metrics_path(before))
    assert (store.history()["status"] == "ok").all(), "the run is done nevertheless"
    if again == "run":
        assert run("none", results=store.folder, **SMALL) == before
    else:
        evaluate(store.folder, ["test_ece"])
    assert read_row(store.run_path(before)) == before
    found = load_metrics(store.folder).query("metric != 'test_ece'").reset_index(drop=True)
    pd.testing.assert_frame_equal(found, table)
    aside = [path for path in store.damaged.rglob("*") if path.is_file()]
    assert len(aside) == len(caplog.messages) == (0 if damage is Path.unlink else 1)


def test_a_process_killed_between_metrics_and_row_promises_nothing(store: Store) -> None:
    child = os.fork()
    if child == 0:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("unbench.store.results.write_table", lambda *_: os._exit(9))
            fake_run(store, "ft")
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    (left,) = store.metrics.iterdir()
    assert load_results(store.folder).empty and load_metrics(store.folder).empty
    assert evaluate(store.folder).empty
    row = fake_run(store, "ft", test_acc=50.0)
    assert store.metrics_path(row) == left and row["attempt"] == 1
    assert load_results(store.folder)["test_acc"].tolist() == [50.0]


def test_metrics_of_earlier_attempts_are_no_garbage(store: Store) -> None:
    first = fake_run(store, "ft")
    second = fake_run(store, "ft", run_key=first["run_key"])
    found = [garbage.path for garbage in find_garbage(store.folder)]
    assert [path for path in found if path.parent != store.locks] == [store.outputs_path(first)]
    assert load_results(store.folder, "all")["test_acc"].tolist() == [first["test_acc"], second["test_acc"]]


def test_the_copy_of_the_rows_notices_changes_of_metrics(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unbench.store.rows_cache.LEAST", 1)
    rows = [fake_run(store, "ft", seed, outputs=False) for seed in (0, 1, 2)]
    assert load_results(store.folder)["test_acc"].tolist() == [row["test_acc"] for row in rows]
    file = MetricsFile(store, store.metrics_path(rows[1]), identity_of(rows[1]))
    file.add(MetricRow("test_acc", "unlearned", 2, 12.5))
    file.save()
    found = load_results(store.folder)
    assert found["test_acc"].tolist() == [rows[0]["test_acc"], 12.5, rows[2]["test_acc"]]
    store.metrics_path(rows[2]).unlink()
    assert load_results(store.folder)["test_acc"].isna().tolist() == [False, False, True]
    store.metrics_path(rows[0]).write_bytes(b"damaged")
    for _ in range(2):
        assert store.history()["test_acc"].isna().tolist() == [True, False, True]
        with pytest.raises(Exception, match=r"is corrupt: .*'unbench evaluate'"):
            load_results(store.folder)


def test_what_an_older_schema_stored_in_the_row_counts_where_the_table_lacks_it() -> None:
    reasons = {"val_acc": "the run stores no 'val' outputs", "peak_memory_mb": "not measured"}
    row = {"test_acc": 1.0, "retain_acc": 2.0, "image_test_acc": 3.0, "missing": json.dumps(reasons)}
    assert with_metrics(row, []) == {**row, "metric_versions": None}
    metrics = [
        MetricRow("test_acc", "unlearned", 3, 4.0),
        MetricRow("val_acc", "unlearned", 1, 5.0),
        MetricRow("retain_acc", "oracle", 1, missing="none"),
        MetricRow("pathway_sensitivity_val", "original", 1, missing="there are no pathways"),
        MetricRow("test_ece", "unlearned", 2, 6.0),
    ]
    found = with_metrics(row, metrics)
    assert found == {
        **{"test_acc": 4.0, "retain_acc": 2.0, "image_test_acc": 3.0, "val_acc": 5.0, "oracle_retain_acc": None},
        "missing": '{"oracle_retain_acc": "none", "peak_memory_mb": "not measured"}',
        "metric_versions": '{"test_acc": 3}',
    }


def test_a_row_that_was_read_can_be_stored_again(store: Store) -> None:
    row = {**fake_run(store, "ft"), "metric_versions": '{"test_acc": 2}'}
    again = store.write_run(row, None)
    assert again == {**row, "attempt": 2} == read_row(store.run_path(again))


def test_every_measured_column_names_a_metric() -> None:
    assert MEASURED.keys() <= set(NAMES) and len(set(MEASURED.values())) == len(MEASURED)
    assert {metric for metric, _ in MEASURED.values()} <= METRICS.keys()


def test_a_folder_of_schema_2_reads_as_before(tmp_path: Path) -> None:
    """Rows of the reference results hold their metrics themselves; those on digits were evaluated as well."""
    rows = load_results(REFERENCE, "all").set_index(["run_key", "attempt"])
    stored = [read_arrow(path) for path in sorted((REFERENCE / "runs").glob("*.parquet"))]
    versions = {int((table.schema.metadata or {})[VERSION_KEY]) for table in stored}
    assert versions <= set(range(1, SCHEMA_VERSION)) and len(stored) == len(rows)
    for own in (table.to_pylist()[0] for table in stored):
        row = rows.loc[(own["run_key"], own["attempt"])]
        for column, value in own.items():
            if column not in ("run_key", "attempt"):
                assert row[column] == value or (pd.isna(row[column]) and (value is None or value != value)), column
    assert rows["metric_versions"].isna().all()


def test_rows_of_schema_2_move_to_the_table_when_they_are_evaluated(store: Store) -> None:
    row = fake_run(store, "ft")
    store.metrics_path(row).unlink()
    table = write_table(store.run_path(row), [row], COLUMNS)
    write_arrow(store.run_path(row), table.replace_schema_metadata({VERSION_KEY: b"2"}))
    assert read_row(store.run_path(row)) == row and load_metrics(store.folder).empty
    evaluate(store.folder, ["test_ece"])
    assert read_row(store.run_path(row)) == row
    known = {(one.metric, one.of) for one in read_metric_rows(store.metrics_path(row))}
    assert {MEASURED[column] for column in ("test_acc", "avg_gap_floor", "oracle_mia_auroc")} < known


def test_an_older_unbench_refuses_a_folder_of_this_schema(store: Store) -> None:
    row = fake_run(store, "ft")
    for path, columns in ((store.run_path(row), COLUMNS), (store.metrics_path(row), METRIC_COLUMNS)):
        assert read_arrow(path).schema.metadata[VERSION_KEY] == str(SCHEMA_VERSION).encode() == b"3"
        assert read_arrow(path).schema.equals(arrow_schema(columns))
