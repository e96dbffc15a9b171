"""Exported results: everything that is stored, readable by the tools that they are for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command import unbench
from fakes import fake_run

from unbench import evaluate, export, load_metrics, load_results
from unbench.errors import SpecError, StoreError, UnknownNameError
from unbench.store.results import Store
from unbench.store.schema import COLUMNS

NASTY = "ft | <b>[x](http://y)</b>"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs that ended well, one that failed, and one whose reason is full of markup; evaluated."""
    folder = tmp_path_factory.mktemp("results")
    store = Store(folder)
    for seed in (0, 1):
        fake_run(store, "none", seed=seed)
        fake_run(store, "ft", seed=seed)
    fake_run(store, "ga", status="failed", error=NASTY)
    evaluate(folder)
    return folder


def test_json_is_objects_with_their_parts_decoded(results: Path, tmp_path: Path) -> None:
    runs, metrics = (json.loads(path.read_text()) for path in export(results, tmp_path / "out"))

    assert len(runs) == 5
    assert len(metrics) == len(load_metrics(results))
    assert list(runs[0]) == [column.name for column in COLUMNS]
    failed = next(row for row in runs if row["status"] == "failed")
    assert failed["avg_gap"] is None and failed["error"] == NASTY
    assert isinstance(runs[0]["hparams"], dict)
    assert runs[0]["avg_gap"] == load_results(results)["avg_gap"][0]


def test_the_hub_layout_is_read_by_the_library_that_it_is_for(results: Path, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    out = tmp_path / "out"
    paths = export(results, out, "hf")

    assert {str(path.relative_to(out)) for path in paths} == {"README.md", "data/runs.parquet", "data/metrics.parquet"}
    for name, whole in (("runs", load_results(results)), ("metrics", load_metrics(results))):
        found = datasets.load_dataset(str(out), name, split="train", cache_dir=str(tmp_path / "cache")).to_pandas()
        assert len(found) == len(whole)
        assert found["run_key"].tolist() == whole["run_key"].tolist()
    card = (out / "README.md").read_text()
    for column in COLUMNS:
        assert f"| `{column.name}` |" in card, "each column has its meaning"
    assert "5 runs, 4 of them with numbers" in card


def test_the_same_results_give_the_same_bytes(results: Path, tmp_path: Path) -> None:
    for kind in ("json", "hf"):
        first, second = (export(results, tmp_path / kind / side, kind) for side in "ab")
        assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_mistakes_are_said_and_nothing_is_written(results: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'json'"):
        export(results, tmp_path / "out", "jsno")
    for kind in ("csv", "latex"):
        with pytest.raises(SpecError, match=f"does not write {kind}; 'unbench report' writes leaderboard"):
            export(results, tmp_path / "out", kind)
    with pytest.raises(StoreError, match="no results folder"):
        export(tmp_path / "nowhere", tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(StoreError, match="no runs to export"):
        export(tmp_path / "empty", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_on_the_command_line(results: Path, tmp_path: Path) -> None:
    done = unbench("export", "out", "--results", str(results), cwd=tmp_path)

    assert done.returncode == 0
    assert done.stdout.split() == ["out/runs.json", "out/metrics.json"]
    assert unbench("export", "out", "--format", "xls", "--results", str(results), cwd=tmp_path).returncode == 2
