"""The memory limit of a task, and that it ends nothing else."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sweeping import spec_of

from unbench.experiment.settings import Settings
from unbench.sweeps import limits
from unbench.sweeps.limits import last_words, limited
from unbench.sweeps.tasks import Task

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # of the watch


@pytest.fixture(autouse=True)
def ended(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Exit codes with which the process of a real task would have ended."""
    codes: list[int] = []

    def end(code: int) -> None:
        codes.append(code)
        raise SystemExit  # which ends the thread that watches

    monkeypatch.setattr(limits, "INTERVAL", 0.01)
    monkeypatch.setattr(limits.os, "_exit", end)
    return codes


def wait_for(happened: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not happened() and time.monotonic() < end:
        time.sleep(0.01)


@pytest.fixture
def task(tmp_path: Path) -> Task:
    """A task whose results folder can hold its last words."""
    (tmp_path / "locks").mkdir()
    return Task("run-1", "run", spec_of("none"))


def test_the_process_of_a_task_that_takes_too_much_is_ended_and_says_why(
    task: Task, tmp_path: Path, ended: list[int]
) -> None:
    settings = Settings(tmp_path, memory_limit=1.0)
    with limited(task, settings):
        wait_for(lambda: ended)
    assert ended == [limits.EXCEEDED]
    words = last_words(task, settings)
    assert words is not None and words.startswith("held ") and "MiB of memory, more than the 1 MiB" in words
    assert last_words(task, settings) is None, "told once"


def test_a_process_that_the_task_started_counts_by_itself(task: Task, tmp_path: Path, ended: list[int]) -> None:
    own = limits._held()
    settings = Settings(tmp_path, memory_limit=1.9 * own)
    grow = f"kept = b'x' * {2 * own * 2**20:.0f}; import time; time.sleep(30)"
    with subprocess.Popen([sys.executable, "-c", grow]) as child:
        with limited(task, settings):
            wait_for(lambda: ended)
        child.kill()
    assert ended == [limits.EXCEEDED] and last_words(task, settings)


def test_a_task_within_its_limit_is_let_be(task: Task, tmp_path: Path, ended: list[int]) -> None:
    for limit in (1e6, None):
        settings = Settings(tmp_path, memory_limit=limit)
        with limited(task, settings):
            time.sleep(0.05)
        assert last_words(task, settings) is None
    assert ended == []


def test_a_watch_ends_with_its_task(
    task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ended: list[int]
) -> None:
    with limited(task, Settings(tmp_path, memory_limit=1e6)):
        pass
    monkeypatch.setattr(limits, "_held", lambda: 1e9)
    time.sleep(0.1)
    assert ended == []


def test_a_process_is_ended_even_if_it_cannot_say_why(
    task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ended: list[int]
) -> None:
    def write(path: Path, text: str) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(limits, "write_text", write)
    with limited(task, Settings(tmp_path, memory_limit=1.0)):
        wait_for(lambda: ended)
    assert ended == [limits.EXCEEDED]


def test_last_words_of_an_earlier_try_are_not_those_of_this_one(task: Task, tmp_path: Path) -> None:
    settings = Settings(tmp_path)
    limits._note(task, settings).write_text("long ago")
    with limited(task, settings):
        pass
    assert last_words(task, settings) is None
