"""Several sweeps at once, and sweeps that are told to stop."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pandas as pd
import pytest
from sweeping import Inline, Sweeping, rows_of, small, trainings

import unbench
from unbench.store.locks import holders

SWEEP = ("sweep", "-m", "none", "-m", "ft", "-d", "synthetic", "--preset", "smoke")
OPTIONS = ("--jobs", "1", "--threads", "1", "--no-evaluate", "--device", "cpu")
PATIENCE = 60.0
"""Seconds in which processes that were told to end have done so, on a machine that has much else to do."""


def start(results: Path, seeds: str) -> Sweeping:
    return Sweeping(*SWEEP, *OPTIONS, "--seeds", seeds, "--results", str(results), cwd=results.parent)


def begin(results: Path, seeds: str, until: str) -> tuple[Sweeping, list[str]]:
    """A sweep in a process of its own that has said a line with these words, and what it said so far."""
    process, said = start(results, seeds), list[str]()
    for line in process.stdout:
        said.append(line)
        if until in line:
            return process, said
    raise AssertionError(f"the sweep ended before it said '{until}': {said}")


def wait_for_the_group(process: Sweeping) -> None:
    """Until nothing that the process started is left."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return
        assert time.monotonic() < end, "processes are left"
        time.sleep(0.1)


def test_two_sweeps_on_one_folder_do_everything_once(plain: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    sweeps = [start(results, seeds="0-1") for _ in range(2)]
    said = [sweep.stdout.read() for sweep in sweeps]

    assert [sweep.wait() for sweep in sweeps] == [0, 0], said
    rows = rows_of(results)
    assert len(rows) == 4 and set(rows["attempt"]) == {1} and set(rows["status"]) == {"ok"}
    assert len(trainings(results)) == 6 and set(trainings(results).values()) == {1}
    assert holders(results / "locks") == {}
    first = rows[rows["seed"] == 0].reset_index(drop=True)
    pd.testing.assert_frame_equal(first, rows_of(plain))


def test_a_worker_whose_sweep_was_killed_ends_by_itself_and_blocks_nobody(tmp_path: Path, inline: list[Inline]) -> None:
    results = tmp_path / "results"
    process, _ = begin(results, "0-9", until="[1/")

    process.kill(signal.SIGKILL, group=False)
    process.wait()
    swept = unbench.sweep(small("none", "ft"), results=results, device="cpu")

    assert {state.status for state in swept.states.values()} == {"ok"}
    wait_for_the_group(process)
    assert set(rows_of(results)["attempt"]) == {1}
    assert set(trainings(results).values()) == {1}
    assert len(rows_of(results)) < 20, "the worker did not go on with what nobody waits for"


@pytest.mark.parametrize(
    ("number", "group", "until"),
    [(signal.SIGINT, True, "at a time"), (signal.SIGINT, True, "[2/"), (signal.SIGTERM, False, "[1/")],
    ids=["Ctrl-C while workers start", "Ctrl-C at work", "SIGTERM"],
)
def test_a_sweep_that_is_told_to_stop_says_how_to_go_on_and_does(
    tmp_path: Path, inline: list[Inline], number: signal.Signals, group: bool, until: str
) -> None:
    results = tmp_path / "results"
    process, said = begin(results, "0-4", until)
    if until == "at a time":
        time.sleep(0.5)

    process.kill(number, group)
    rest = process.stdout.read()

    assert process.wait() == 130, rest
    assert rest.splitlines()[-1].startswith("unbench: interrupted; finished work is stored")
    assert "Traceback" not in "".join(said) + rest
    wait_for_the_group(process)
    assert holders(results / "locks") == {}
    before = trainings(results)
    swept = unbench.sweep(small("none", "ft"), results=results, device="cpu")
    assert {state.status for state in swept.states.values()} == {"ok"}
    assert set(rows_of(results)["status"]) == {"ok"}, "to be stopped is no failure"
    assert set(trainings(results).values()) == {1} and before.keys() <= trainings(results).keys()
