"""Full disks, other versions, damaged files: what was there stays, and the sweep goes on."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from sweeping import Inline, call, rows_of, small, spec_of, statuses

import unbench
from unbench.errors import UnbenchError
from unbench.experiment.settings import Settings
from unbench.store import files
from unbench.store.results import Store, read_row
from unbench.store.tables import VERSION_KEY, write_arrow
from unbench.sweeps.plan import Planner

SWEEP = ("sweep", "-m", "none", "-d", "synthetic", "--preset", "smoke", "--threads", "1", "--no-evaluate")


def content(folder: Path) -> dict[str, bytes]:
    """Every file but locks, logs and copies."""
    found = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    return {n: p.read_bytes() for n, p in found.items() if n.split("/")[0] not in ("locks", "logs", ".cache")}


@pytest.mark.parametrize("writes", [0, 2, 5, 11, 15, 19])
def test_a_full_disk_ends_the_sweep_with_a_line_and_nothing_half_written(
    plain: Path, tmp_path: Path, inline: list[Inline], monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    sync, left = files._sync, [writes]

    def full(path: Path) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(path)

    with monkeypatch.context() as patch:
        patch.setattr(files, "_sync", full)
        with pytest.raises(UnbenchError, match=r"cannot write .*: No space left on device") as caught:
            unbench.sweep(small("none", "ft"), results=tmp_path, device="cpu")
    assert "\n" not in str(caught.value) and caught.value.exit_code == 2
    assert not list(tmp_path.rglob("*.part"))
    before = content(tmp_path)

    unbench.sweep(small("none", "ft"), results=tmp_path, device="cpu")

    pd.testing.assert_frame_equal(rows_of(tmp_path), rows_of(plain))
    assert before.items() <= content(tmp_path).items(), "what was stored before was used as it is"


def test_a_row_of_a_newer_unbench_is_refused_and_nothing_changed(
    done: Path, inline: list[Inline], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = sorted((done / "runs").iterdir())[0]
    table = pq.read_table(path)
    write_arrow(path, table.replace_schema_metadata({VERSION_KEY: b"999"}))
    before = content(done)

    assert call(monkeypatch, *SWEEP, "--seeds", "0-3", "--results", str(done)) == 2

    lines = [line for line in capsys.readouterr().err.splitlines() if "starting" not in line]
    assert len(lines) == 1 and path.name in lines[0] and "newer" in lines[0]
    assert content(done) == before and inline == []


def test_rows_of_another_version_with_the_same_meaning_are_used(done: Path, inline: list[Inline]) -> None:
    store = Store(done)
    for path in sorted(store.runs.iterdir()):
        row = read_row(path)
        path.unlink()
        outputs = unbench.load_outputs(done, row)
        store.write_run({**row, "unbench_version": "0.0.1", "torch_version": "1.0"}, outputs)

    swept = unbench.sweep(small("none", "ft"), results=done, device="cpu")

    assert swept.ran == [] and {state.status for state in swept.states.values()} == {"ok"}


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("method", ["none", "ft"])
def test_a_damaged_row_is_set_aside_and_made_again(plain: Path, done: Path, inline: list[Inline], method: str) -> None:
    (row,) = [row for row in map(read_row, (done / "runs").iterdir()) if row["method"] == method]
    damage(Store(done).run_path(row))

    swept = unbench.sweep(small("none", "ft"), results=done, device="cpu")

    assert [ran["method"] for ran in swept.ran] == [method]
    pd.testing.assert_frame_equal(rows_of(done), rows_of(plain))
    assert (done / "damaged" / "runs").is_dir()


def test_a_damaged_stage_is_set_aside_and_trained_again_for_what_needs_it(
    plain: Path, done: Path, inline: list[Inline]
) -> None:
    for path in done.glob("stages/original-*/model.safetensors"):
        damage(path)

    swept = unbench.sweep(small("none", "ft", "ga"), results=done, device="cpu")

    assert [row["status"] for row in swept.ran] == ["ok"]
    assert len(list(done.glob("damaged/stages/original-*"))) == 1
    for path in plain.glob("stages/*/*.safetensors"):
        assert (done / path.relative_to(plain)).read_bytes() == path.read_bytes()


def test_outputs_of_what_is_done_are_read_when_asked_for(plain: Path, done: Path, inline: list[Inline]) -> None:
    (row,) = [row for row in map(read_row, (done / "runs").iterdir()) if row["method"] == "ft"]
    damage(Store(done).outputs_path(row))
    card = small("none", "ft")

    assert unbench.sweep(card, results=done, device="cpu").ran == []
    planner = Planner(Settings(done, device="cpu"), verify=True)
    assert [task.spec for task in planner.plan(card.runs()).tasks] == [spec_of("ft")]
    assert Store(done).outputs_path(row).exists(), "planning moves nothing"

    swept = unbench.sweep(card, results=done, device="cpu", verify=True)
    assert [ran["method"] for ran in swept.ran] == ["ft"]
    assert unbench.load_outputs(done, swept.ran[0]).equals(unbench.load_outputs(plain, row))
    assert unbench.sweep(card, results=done, device="cpu", verify=True).ran == []
    assert statuses(done) == {"none": "ok", "ft": "ok"}


def test_metrics_that_an_interrupted_sweep_lacks_are_made_up_for(done: Path, inline: list[Inline]) -> None:
    assert not (done / "summary").exists()

    swept = unbench.sweep(small("none", "ft", evaluate=True), results=done, device="cpu")

    assert swept.ran == [] and inline == []
    assert list((done / "summary").glob("*.parquet")) and len(list((done / "metrics").iterdir())) == 2
