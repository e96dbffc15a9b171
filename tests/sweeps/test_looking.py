"""Looking without touching: status, dry runs, garbage; and what a command line says of mistakes."""

from __future__ import annotations

import ast
import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from sweeping import Inline, call, rows_of, small, spec_of

import unbench
from unbench.errors import DataMissingError, StoreError
from unbench.experiment.settings import Settings
from unbench.store.locks import locked
from unbench.store.results import Store, read_row
from unbench.sweeps import sweep as sweep_module
from unbench.sweeps.garbage import find_garbage, remove
from unbench.sweeps.plan import Planner
from unbench.sweeps.status import preview
from unbench.sweeps.sweep_file import SweepCard

SMALL = ("-d", "synthetic", "--preset", "smoke", "--device", "cpu")


def content(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file() and "locks" not in path.parts)
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def states(results: Path, card: SweepCard | None = None) -> dict[str, tuple[str, str]]:
    return {row["method"]: (row["state"], row["detail"]) for row in unbench.status(card, results=results)}


def test_status_tells_done_running_failed_missing(done: Path) -> None:
    store, card = Store(done), small("none", "ft", "ga", "scrub")
    key = Planner(Settings(done)).state(spec_of("scrub")).key
    row = next(read_row(path) for path in store.runs.iterdir())
    failed = Planner(Settings(done)).state(spec_of("ga")).key
    store.write_run({**row, "run_key": failed, "method": "ga", "status": "failed", "error": "luck"}, None)

    with locked(store.locks, f"run-{key}"), locked(store.locks, "oracle_2-0123"):
        found = states(done, card)
    assert found["none"] == found["ft"] == ("done", "")
    assert found["ga"] == ("failed", "luck")
    assert found["scrub"][0] == found["oracle_2"][0] == "running"
    assert f"process {os.getpid()}, since 2" in found["scrub"][1]
    assert states(done, card)["scrub"] == ("missing", "") and "oracle_2" not in states(done, card)


def test_status_knows_every_sweep_that_was_begun(done: Path, inline: list[Inline]) -> None:
    assert unbench.status(results=done) == []
    for _ in range(2):
        unbench.sweep(small("none", "ga", seeds=[0, 1]), results=done, device="cpu", limit=1)
    assert len(list((done / "sweeps").iterdir())) == 1
    counts = [row["state"] for row in unbench.status(results=done)]
    assert sorted(counts) == ["done", "done", "done", "missing"]


def test_status_of_data_that_are_not_at_hand_is_unknown(done: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(*given: Any) -> Any:
        raise DataMissingError("put it there")

    monkeypatch.setattr("unbench.experiment.inputs.load_dataset", absent)
    assert states(done, small("none")) == {"none": ("unknown", "put it there")}
    with pytest.raises(DataMissingError):
        Planner(Settings(done)).plan({spec_of("none"): False})
    rows, said = preview(small("none", shadows=4), results=done, device="cpu")
    assert rows == [] and said == "nothing to do; 1 more runs whose data are not here yet"


def test_status_where_nothing_is(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no results folder"):
        unbench.status(results=tmp_path / "nowhere")


def test_a_dry_run_counts_and_does_nothing(done: Path, inline: list[Inline]) -> None:
    before = content(done)
    rows, said = preview(small("none", "ft", "ga", "munkey", jobs=1), results=done, device="cpu")

    found = {row["stage"]: (row["done"], row["to_do"], row["shared_by"]) for row in rows}
    assert found == {
        "original": (1, 1, 2),
        "oracle": (1, 1, 2),
        "second oracle": (1, 1, 2),
        "runs": (2, 2, None),
    }
    assert said.startswith("1 at a time, this will take about") and "2 tasks" in said
    assert content(done) == before and inline == []


def test_the_same_command_line_and_file_have_the_same_plan(
    done: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = done.parent / "sweep.toml"
    file.write_text('methods = ["none", "ga"]\ndatasets = ["synthetic"]\npreset = "smoke"\nseeds = [0, 1]\njobs = 1\n')
    flags = ("-m", "none", "-m", "ga", *SMALL, "--seeds", "0-1", "--jobs", "1")
    said = []
    for asked in (flags, (str(file), "--device", "cpu")):
        assert call(monkeypatch, "sweep", *asked, "--results", str(done), "--dry-run", "--json") == 0
        out = capsys.readouterr()
        said.append((json.loads(out.out), out.err))
    assert said[0] == said[1]
    assert {row["stage"]: row["to_do"] for row in said[0][0]}["runs"] == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("sweep", "-m", "nune"), "did you mean 'none'"),
        (("sweep", "--seeds", "a"), "whole numbers"),
        (("sweep", "--seeds", "2-1"), "empty sweep: no seeds"),
        (("sweep", "--jobs", "0"), "jobs"),
        (("sweep", "--executor", "lokal"), "executor"),
        (("sweep", "--retry", "faild", *SMALL), "did you mean 'failed'"),
        (("sweep", "--limit", "0", *SMALL), "--limit must be at least 1"),
        (("sweep", "--dry-run", "--retry", "faild", *SMALL), "did you mean 'failed'"),
        (("sweep", "--dry-run", "--limit", "-1", *SMALL), "--limit must be at least 1"),
        (("sweep", "--shadows", "3", *SMALL), "must be even"),
        (("sweep", "--hparams", "tunde"), "hparams"),
        (("sweep", "--checksums", "x"), "--checksums"),
        (("sweep", "nowhere.toml"), "cannot read nowhere.toml"),
        (("sweep", "--job", "1"), "--job"),
        (("status", "--results", "nowhere"), "there is no results folder"),
        (("gc", "--results", "nowhere"), "there is no results folder"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call(monkeypatch, *arguments) == 2
    out = capsys.readouterr()
    lines = [line for line in out.err.splitlines() if "starting" not in line]
    assert len(lines) == 1 and said in lines[0], out.err
    assert out.out == "" and not list(tmp_path.rglob("*.parquet"))


def litter(results: Path) -> set[Path]:
    """One of each kind of garbage."""
    store = Store(results)
    row = next(read_row(path) for path in store.runs.iterdir())
    unbench.run("none", "synthetic", preset="smoke", device="cpu", results=results, force=True)
    old = next(path for path in sorted(store.outputs.iterdir()) if "-1." in path.name and superseded(store, path))
    stage = store.stages / "original-0123456789abcdef"
    half = store.stages / ".oracle-0123.abc"
    for folder in (stage, half, store.damaged / "runs"):
        folder.mkdir(parents=True)
        (folder / "file").write_text("12345")
    files = [
        store.runs / f".{row['run_key']}-9.parquet.x.part",
        store.sweeps / ".1.json.y.part",
        store.outputs / f"{row['run_key']}-9.parquet",
        store.locks / "run-dead.lock",
        store.locks / "run-dead.json",
    ]
    for file in files:
        file.parent.mkdir(exist_ok=True)
        file.write_text("{}")
    return {old, stage, half, store.damaged / "runs", *files}


def superseded(store: Store, path: Path) -> bool:
    return len(store.attempts(path.stem.rpartition("-")[0])) > 1


def test_garbage_of_each_kind_is_found_and_nothing_else_goes(done: Path, inline: list[Inline]) -> None:
    unbench.sweep(small("none"), results=done, device="cpu")
    with locked(Store(done).locks, "held"):
        pass
    before = content(done)
    made = litter(done)
    new = {str(path.relative_to(done)) for path in (done / "runs").iterdir() if "-2." in path.name}
    new |= {str(path.relative_to(done)) for path in (done / "outputs").iterdir() if "-2." in path.name}
    new |= {str(path.relative_to(done)) for path in (done / "metrics").iterdir() if "-2." in path.name}

    found = find_garbage(done)
    # Lock files that nobody holds are of no use either, whoever made them.
    assert {one.path for one in found if one.path.parent != done / "locks"} == {
        path for path in made if path.parent != done / "locks"
    }
    assert {path for path in made if path.parent == done / "locks"} <= {one.path for one in found}
    assert all(one.why for one in found)
    freed = remove(found)

    assert freed == sum(one.size for one in found) + freed, "what is gone has no size"
    old = {str(path.relative_to(done)) for path in made}
    assert content(done).keys() == (before.keys() | new) - old
    assert all(content(done)[name] == before[name] for name in before.keys() - old)
    assert find_garbage(done) == [] and len(unbench.load_results(done)) == 2


def test_stages_of_runs_that_failed_or_wait_are_no_garbage(
    tmp_path: Path, inline: list[Inline], monkeypatch: pytest.MonkeyPatch
) -> None:
    unbench.sweep(small("none", "ft", "munkey"), results=tmp_path, device="cpu", limit=1)
    store = Store(tmp_path)
    path = next(store.runs.iterdir())
    row = read_row(path)
    path.unlink()
    store.write_run({**row, "status": "failed", "error": "luck", "stages": None}, None)
    assert not [one for one in find_garbage(tmp_path) if one.path.parent == store.stages]
    shutil.rmtree(store.sweeps)
    assert len([one for one in find_garbage(tmp_path) if one.path.parent == store.stages]) == 3


def test_gc_asks_and_is_refused_while_somebody_is_at_work(
    done: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (done / "damaged").mkdir()
    (done / "damaged" / "file").write_text("x")
    with locked(Store(done).locks, "run-x"):
        assert call(monkeypatch, "gc", "--yes", "--results", str(done)) == 2
        assert f"process {os.getpid()}" in capsys.readouterr().err
    assert call(monkeypatch, "gc", "--results", str(done)) == 2
    out = capsys.readouterr()
    assert "--yes removes them" in out.err and str(done / "damaged" / "file") in out.out
    assert (done / "damaged" / "file").exists()
    assert call(monkeypatch, "gc", "--yes", "--results", str(done)) == 0
    assert not (done / "damaged" / "file").exists()
    assert call(monkeypatch, "gc", "--results", str(done)) == 0
    assert "nothing to remove" in capsys.readouterr().err


def test_gc_touches_nothing_beside_a_damaged_row(done: Path) -> None:
    next((done / "runs").iterdir()).write_bytes(b"damaged")
    with pytest.raises(StoreError, match="is corrupt"):
        find_garbage(done)


def test_a_clock_that_jumps_changes_nothing(
    plain: Path, tmp_path: Path, inline: list[Inline], monkeypatch: pytest.MonkeyPatch
) -> None:
    now, jumps = time.time(), iter(range(10**6))
    monkeypatch.setattr(time, "time", lambda: now + (-1) ** next(jumps) * 1e8)
    unbench.sweep(small("none", "ft", time_limit=600.0), results=tmp_path, device="cpu")
    assert rows_of(tmp_path).equals(rows_of(plain))


def test_nothing_in_a_sweep_asks_the_clock_on_the_wall() -> None:
    package = Path(sweep_module.__file__).parent
    experiment = package.parent / "experiment"
    for path in [*package.rglob("*.py"), *(experiment / f"{name}.py" for name in ("run", "reference_models"))]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                assert (node.value.id, node.attr) not in {("time", "time"), ("time", "time_ns")}, path
                assert node.value.id not in ("datetime", "date"), path
