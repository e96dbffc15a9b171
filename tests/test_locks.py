"""Locks: who is at work on what, whatever the clocks show."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import signal
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from unbench.errors import BusyError, StoreError
from unbench.store.locks import holders, is_held, locked


def test_a_lock_is_held_until_the_block_ends_however_it_ends(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), locked(tmp_path, "work"):
        assert is_held(tmp_path, "work")
        holder = holders(tmp_path)["work"]
        assert holder.pid == os.getpid() and holder.user and holder.host
        assert datetime.fromisoformat(holder.since).utcoffset() == timedelta(0)
        assert str(holder) == f"{holder.user} on {holder.host}, process {holder.pid}, since {holder.since}"
        with pytest.raises(BusyError, match="at work on work"), locked(tmp_path, "work", wait=False):
            pass
        with locked(tmp_path, "other", wait=False):
            assert set(holders(tmp_path)) == {"work", "other"}
        raise ZeroDivisionError
    assert not is_held(tmp_path, "work") and holders(tmp_path) == {}
    with locked(tmp_path, "work", wait=False):
        assert is_held(tmp_path, "work")


def test_a_holder_whose_clock_is_years_off_is_shown(tmp_path: Path) -> None:
    with locked(tmp_path, "work"):
        note = json.loads((tmp_path / "work.json").read_text())
        for year in ("1970", "2999"):
            (tmp_path / "work.json").write_text(json.dumps({**note, "since": f"{year}-01-01T00:00:00+00:00"}))
            os.utime(tmp_path / "work.lock", ns=(1, 1))
            assert holders(tmp_path)["work"].since.startswith(year)


def test_what_a_dead_process_left_holds_nothing(tmp_path: Path) -> None:
    def hold() -> None:
        with locked(tmp_path, "work"):
            os.kill(os.getpid(), signal.SIGKILL)

    process = multiprocessing.get_context("fork").Process(target=hold)
    process.start()
    process.join()
    assert (tmp_path / "work.lock").exists() and (tmp_path / "work.json").exists()

    assert holders(tmp_path) == {} and not is_held(tmp_path, "work")
    with locked(tmp_path, "work", wait=False):
        assert holders(tmp_path)["work"].pid == os.getpid()


def test_a_full_disk_is_reported_and_leaves_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("unbench.store.files._sync", full)
        with pytest.raises(StoreError, match="No space left"), locked(tmp_path, "work"):
            raise AssertionError("the block must not run")
    assert not is_held(tmp_path, "work")
    assert [path.name for path in tmp_path.iterdir()] == ["work.lock"]


def test_a_lock_that_was_never_made_is_not_held(tmp_path: Path) -> None:
    assert not is_held(tmp_path, "work")
    assert list(tmp_path.iterdir()) == []
