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
from unbench.sweeps.limits import limited
from unbench.sweeps.tasks import Task
from unbench.sweeps.work import _guarded, _last_words_path, last_words

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


def test_the_process_of_a_task_that_takes_too_much_is_ended_and_says_why(tmp_path: Path, ended: list[int]) -> None:
    task, settings = Task("run-1", "run", spec_of("none")), Settings(tmp_path, memory_limit=1.0)
    (tmp_path / "locks").mkdir()
    with _guarded(task, settings):
        wait_for(lambda: ended)
    assert ended == [limits.EXCEEDED]
    words = last_words(task, settings)
    assert words is not None and words.startswith("held ") and "MiB of memory, more than the 1 MiB" in words
    assert last_words(task, settings) is None, "told once"


def test_a_process_that_the_task_started_counts_by_itself(ended: list[int]) -> None:
    own, said = limits._held(), list[str]()
    grow = f"kept = b'x' * {2 * own * 2**20:.0f}; import time; time.sleep(30)"
    with subprocess.Popen([sys.executable, "-c", grow]) as child:
        with limited(1.9 * own, said.append):
            wait_for(lambda: ended)
        child.kill()
    assert ended == [limits.EXCEEDED] and len(said) == 1


def test_a_task_within_its_limit_is_let_be(ended: list[int]) -> None:
    said: list[str] = []
    with limited(1e6, said.append):
        time.sleep(0.05)
    with limited(None, said.append):
        time.sleep(0.05)
    assert ended == said == []


def test_a_watch_ends_with_its_task(monkeypatch: pytest.MonkeyPatch, ended: list[int]) -> None:
    with limited(1e6, lambda reason: None):
        pass
    monkeypatch.setattr(limits, "_held", lambda: 1e9)
    time.sleep(0.1)
    assert ended == []


def test_a_process_is_ended_even_if_it_cannot_say_why(ended: list[int]) -> None:
    def speak(reason: str) -> None:
        raise OSError("the disk is full")

    with limited(1.0, speak):
        wait_for(lambda: ended)
    assert ended == [limits.EXCEEDED]


def test_last_words_of_an_earlier_try_are_not_those_of_this_one(tmp_path: Path) -> None:
    task, settings = Task("run-1", "run", spec_of("none")), Settings(tmp_path)
    (tmp_path / "locks").mkdir()
    _last_words_path(task, settings).write_text("long ago")
    with _guarded(task, settings):
        pass
    assert last_words(task, settings) is None
