"""A sweep that is killed at any moment goes on as if nothing had been."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path

import pandas as pd
from command import unbench
from sweeping import Sweeping, rows_of, trainings

SWEEP = ("sweep", "-m", "none", "-m", "ga", "-m", "ft", "-d", "synthetic", "--preset", "smoke", "--seeds", "0-19")
OPTIONS = ("--jobs", "2", "--threads", "1", "--no-evaluate", "--device", "cpu")
KILLS = 20


def test_twenty_kills_lose_nothing_and_repeat_nothing(tmp_path: Path) -> None:
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    begun = time.monotonic()
    whole = unbench(*SWEEP, *OPTIONS, "--results", str(undisturbed), cwd=tmp_path)
    assert whole.returncode == 0, whole.stderr
    # How long a sweep may live once its first task is done: all of them together do not get to the end.
    longest = (time.monotonic() - begun) / (6 * KILLS)

    luck = random.Random(0)
    for number in range(KILLS):
        process = Sweeping(*SWEEP, *OPTIONS, "--results", str(killed), cwd=tmp_path)
        at_work = any(line.startswith("[1/") for line in process.stdout)
        time.sleep(luck.uniform(0, longest))
        assert at_work and process.poll() is None, f"sweep {number} was done before it could be killed"
        # Every third time the workers live on, and are at work beside the next sweep.
        process.kill(signal.SIGKILL, group=number % 3 != 0)
        process.wait()
        process.stdout.close()
    last = unbench(*SWEEP, *OPTIONS, "--results", str(killed), cwd=tmp_path)

    assert last.returncode == 0, last.stderr
    pd.testing.assert_frame_equal(rows_of(killed), rows_of(undisturbed))
    assert set(rows_of(killed)["attempt"]) == {1}, "no run is there twice"
    # A process that dies between storing a model and logging it leaves no line in the log.
    assert trainings(killed) <= trainings(undisturbed), "no model that was stored was trained again"
    assert set(trainings(killed).values()) == {1}
