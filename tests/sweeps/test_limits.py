"""The memory limit of a task, and that it ends nothing else."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from sweeping import spec_of

from unbench.experiment.settings import Settings
from unbench.sweeps import limits
from unbench.sweeps.limits import OutOfMemoryError, limited
from unbench.sweeps.tasks import Task
from unbench.sweeps.work import _guarded, _last_words_path, last_words


@pytest.fixture(autouse=True)
def ended(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Exit codes with which the process of a real task would have ended."""
    codes: list[int] = []
    monkeypatch.setattr(limits, "INTERVAL", 0.01)
    monkeypatch.setattr(limits, "PATIENCE", 0.05)
    monkeypatch.setattr(limits.os, "_exit", codes.append)
    return codes


def test_a_task_that_takes_too_much_memory_is_told_so(ended: list[int]) -> None:
    before = signal.getsignal(signal.SIGINT)
    begun = time.monotonic()
    with pytest.raises(OutOfMemoryError, match=r"held \d+ MiB of memory, more than the 1 MiB"), limited(1.0):
        time.sleep(10)
    assert signal.getsignal(signal.SIGINT) is before
    assert time.monotonic() - begun < 10, "it was woken"
    time.sleep(0.2)
    assert ended == [], "a task that reacts keeps its process"


def test_a_process_that_the_task_started_counts_by_itself(ended: list[int]) -> None:
    own = limits._held()
    grow = f"kept = b'x' * {2 * own * 2**20:.0f}; import time; time.sleep(30)"
    with subprocess.Popen([sys.executable, "-c", grow]) as child:
        with pytest.raises(OutOfMemoryError), limited(1.9 * own):
            time.sleep(20)
        child.kill()
    assert ended == []


def test_a_task_within_its_limit_is_let_be(ended: list[int]) -> None:
    with limited(1e6):
        time.sleep(0.05)
    with limited(None):
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert ended == []


def test_the_process_of_a_task_that_does_not_react_is_ended_and_says_why(tmp_path: Path, ended: list[int]) -> None:
    task, settings = Task("run-1", "run", spec_of("none")), Settings(tmp_path, memory_limit=1.0)
    (tmp_path / "locks").mkdir()
    with _guarded(task, settings):
        while not ended:
            with suppress(Exception):
                time.sleep(0.5)
    assert ended == [limits.EXCEEDED]
    words = last_words(task, settings)
    assert words is not None and "MiB of memory, more than the 1 MiB" in words
    assert last_words(task, settings) is None, "told once"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_process_is_ended_even_if_it_cannot_say_why(ended: list[int]) -> None:
    def speak(error: Exception) -> None:
        raise OSError("the disk is full")

    with limited(1.0, speak):
        while not ended:
            with suppress(OutOfMemoryError):
                time.sleep(0.5)
    assert ended == [limits.EXCEEDED]


def test_last_words_of_an_earlier_try_are_not_those_of_this_one(tmp_path: Path) -> None:
    task, settings = Task("run-1", "run", spec_of("none")), Settings(tmp_path)
    (tmp_path / "locks").mkdir()
    _last_words_path(task, settings).write_text("long ago")
    with _guarded(task, settings):
        pass
    assert last_words(task, settings) is None
