"""Caps on a task, and that they end nothing else."""

from __future__ import annotations

import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest
from sweeping import request

from unbench.errors import TimedOutError
from unbench.sweeps import limits
from unbench.sweeps.limits import OutOfMemoryError, limited
from unbench.sweeps.plan import Site, Task
from unbench.sweeps.work import _capped, _last_words_path, last_words


@pytest.fixture(autouse=True)
def ended(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Exit codes with which the process of a real task would have ended."""
    codes: list[int] = []
    monkeypatch.setattr(limits, "INTERVAL", 0.01)
    monkeypatch.setattr(limits, "PATIENCE", 0.05)
    monkeypatch.setattr(limits.os, "_exit", codes.append)
    return codes


def test_a_task_that_takes_too_long_or_too_much_is_told_so(ended: list[int]) -> None:
    before = signal.getsignal(signal.SIGINT)
    begun = time.monotonic()
    with pytest.raises(TimedOutError, match=r"longer than the 0.05 s"), limited(0.05, None):
        time.sleep(10)
    with pytest.raises(OutOfMemoryError, match=r"held \d+ MiB of memory, more than the 1 MiB"), limited(None, 1.0):
        time.sleep(10)
    assert signal.getsignal(signal.SIGINT) is before
    assert time.monotonic() - begun < 10, "they were woken"
    time.sleep(0.2)
    assert ended == [], "a task that reacts keeps its process"


def test_a_task_within_its_caps_is_let_be(ended: list[int]) -> None:
    with limited(60.0, 1e6):
        time.sleep(0.05)
    with limited(None, None):
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert ended == []


@pytest.mark.parametrize(
    ("seconds", "megabytes", "status", "said"),
    [(0.01, None, "timed_out", "took longer than the 0.01 s"), (None, 1.0, "failed", "MiB of memory, more than")],
)
def test_the_process_of_a_task_that_does_not_react_is_ended_and_says_why(
    tmp_path: Path, ended: list[int], seconds: float | None, megabytes: float | None, status: str, said: str
) -> None:
    task = Task("run-1", "run", request("none"))
    site = Site(tmp_path, time_limit=seconds, memory_limit=megabytes)
    (tmp_path / "locks").mkdir()
    with _capped(task, site):
        while not ended:
            with suppress(Exception):
                time.sleep(0.5)
    assert ended == [limits.EXCEEDED]
    words = last_words(task, site)
    assert words is not None and words[0] == status and said in words[1]
    assert last_words(task, site) is None, "told once"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_process_is_ended_even_if_it_cannot_say_why(ended: list[int]) -> None:
    def speak(error: Exception) -> None:
        raise OSError("the disk is full")

    with limited(0.01, None, speak):
        while not ended:
            with suppress(TimedOutError):
                time.sleep(0.5)
    assert ended == [limits.EXCEEDED]


def test_last_words_of_an_earlier_try_are_not_those_of_this_one(tmp_path: Path) -> None:
    task, site = Task("run-1", "run", request("none")), Site(tmp_path)
    (tmp_path / "locks").mkdir()
    _last_words_path(task, site).write_text("failed: long ago")
    with _capped(task, site):
        pass
    assert last_words(task, site) is None
