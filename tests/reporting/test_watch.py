"""`unbench report --watch`: a report that follows a folder of results as it grows."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from subprocess import PIPE, Popen
from threading import Timer
from typing import IO

import pytest
from command import unbench
from fakes import fake_run
from rich.console import Console

from unbench.analysis.board.cells import split_cells
from unbench.analysis.board.leaderboard import leaderboard
from unbench.cli import console
from unbench.errors import SpecError, StoreError
from unbench.reporting import report
from unbench.reporting.watch import LONGEST, watch
from unbench.store.results import Store, load_results
from unbench.store.schema import METRIC_COLUMNS
from unbench.store.tables import write_table

PATIENCE = 240
"""Seconds after which a process that does not say what is expected is taken for dead."""


class Rounds:
    """Watches a folder without waiting: each pause takes the next step, and the last one interrupts.

    Attributes:
        written: what each report was told is new.
        told: what was said besides.
    """

    def __init__(self, store: Store, *steps: Callable[[], object], faults: int = 0) -> None:
        self.written: list[str] = []
        self.told: list[str] = []
        self.faults = faults
        self.steps = iter(steps)
        with pytest.raises(KeyboardInterrupt):
            watch(store.folder, self.write, interval=7.0, log=self.told.append, pause=self.pause)

    def write(self, news: str) -> None:
        if self.faults:
            self.faults -= 1
            raise StoreError("cannot write in out: no space")
        self.written.append(news)

    def pause(self, seconds: float) -> None:
        assert seconds == 7.0
        next(self.steps, interrupt)()


def interrupt() -> None:
    """The step in which the user has seen enough."""
    raise KeyboardInterrupt


def nothing() -> None:
    """A step in which nothing happens."""


def test_each_round_says_what_is_new_and_without_news_there_is_none(store: Store) -> None:
    fake_run(store, "ft", 0)
    (first,) = store.runs.iterdir()

    def two_more() -> None:
        for seed in (1, 2):
            fake_run(store, "ft", seed, outputs=False)

    def again_and_one_more() -> None:
        fake_run(store, "ft", 0, outputs=False)
        fake_run(store, "ga", 0, outputs=False)

    found = Rounds(
        store,
        nothing,
        two_more,
        nothing,
        again_and_one_more,
        lambda: write_table(store.metrics / first.name, [], METRIC_COLUMNS),
        nothing,
        lambda: [path.unlink() for path in store.runs.glob(f"{first.stem[:-1]}*")],
    )
    assert found.written == [
        "1 run",
        "3 runs: 2 more",
        "4 runs: 1 more, 1 tried again",
        "4 runs: other metrics",
        "3 runs: 1 fewer",
    ]
    assert found.told == []


def test_outputs_and_half_written_files_are_no_news(store: Store) -> None:
    fake_run(store, "ft", 0, outputs=False)
    stamps = store.stamps()
    store.outputs.mkdir()
    (store.outputs / "x-1.parquet").touch()
    (store.runs / ".x-1.parquet.abc.part").touch()
    assert store.stamps() == stamps and len(stamps) == 2
    assert Rounds(store, nothing).written == ["1 run"]


def test_a_folder_that_is_not_there_yet_is_waited_for_in_one_line(store: Store) -> None:
    found = Rounds(store, nothing, lambda: store.runs.mkdir(parents=True), nothing, lambda: fake_run(store, "ft"))
    assert found.told == [f"waiting for the first run in {store.folder} ..."]
    assert found.written == ["1 run"]


def test_what_goes_wrong_is_said_once_and_tried_again_with_nothing_lost(store: Store) -> None:
    fake_run(store, "ft", 0, outputs=False)
    found = Rounds(store, nothing, lambda: fake_run(store, "ft", 1, outputs=False), nothing, nothing, faults=3)
    assert found.told == ["cannot write in out: no space; tried again every 7 s"]
    assert found.written == ["2 runs"], "the first report that is written tells of all runs"


def test_a_filter_that_no_run_passes_yet_is_no_reason_to_end(store: Store, tmp_path: Path) -> None:
    fake_run(store, "ft", outputs=False)
    steps = iter([lambda: fake_run(store, "ga", outputs=False)])
    told: list[str] = []

    def write(news: str) -> None:
        report(store.folder, tmp_path / "out", methods=["ga"], formats=["md"], plots=())
        told.append(news)

    def pause(seconds: float) -> None:
        next(steps, interrupt)()

    with pytest.raises(KeyboardInterrupt):
        watch(store.folder, write, log=told.append, pause=pause)
    assert told == ["unknown method in these results 'ga'; known: ft; tried again every 10 s", "2 runs"]
    assert "| ga |" in (tmp_path / "out" / "leaderboard.md").read_text("utf-8")


def test_a_folder_that_cannot_be_listed_is_tried_again(store: Store) -> None:
    store.folder.mkdir()
    store.runs.touch()

    def mend() -> None:
        store.runs.unlink()
        fake_run(store, "ft", outputs=False)

    found = Rounds(store, nothing, mend)
    assert found.told == [f"cannot read {store.runs}: Not a directory; tried again every 7 s"]
    assert found.written == ["1 run"]


@pytest.mark.parametrize("interval", [0.0, -1.0, float("nan"), float("inf"), 2 * LONGEST])
def test_an_interval_that_nobody_can_wait_is_a_mistake(store: Store, interval: float) -> None:
    with pytest.raises(SpecError, match="above 0 and at most 86400 seconds"):
        watch(store.folder, pytest.fail, interval=interval)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--format", "htm"), "did you mean 'html'"),
        (("--metric", "test_ac"), "did you mean 'test_acc'"),
        (("--interval", "0"), "above 0"),
    ],
)
def test_a_mistake_is_not_waited_with(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    done = unbench("report", "--watch", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr.splitlines()[-1] and not list(tmp_path.iterdir())


@pytest.fixture
def watching(tmp_path: Path) -> Iterator[Popen[str]]:
    """`unbench report --watch` of a folder that does not exist yet."""
    command = ["report", "--watch", "--interval", "0.2", "--plots", "none"]
    process = Popen(
        [sys.executable, "-m", "unbench", *command],
        cwd=tmp_path,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=PIPE,
        stderr=PIPE,
        text=True,
        start_new_session=True,
    )
    end = Timer(PATIENCE, process.kill)
    end.start()
    yield process
    end.cancel()
    process.kill()
    process.communicate()


def read_until(stream: IO[str] | None, words: str) -> list[str]:
    """The lines of a process up to the first one with these words."""
    assert stream is not None
    lines: list[str] = []
    for line in stream:
        lines.append(line.rstrip("\n"))
        if words in line:
            return lines
    raise AssertionError(f"it ended without '{words}': {lines}")


def test_a_process_follows_the_runs_and_ctrl_c_ends_it_well(watching: Popen[str], tmp_path: Path) -> None:
    store, board = Store(tmp_path / "results"), tmp_path / "reports" / "leaderboard.md"
    said = read_until(watching.stderr, "waiting")
    assert said == ["watching results every 0.2 s; Ctrl-C ends it", "waiting for the first run in results ..."]
    assert not board.exists()

    fake_run(store, "ft", 0, outputs=False)
    assert read_until(watching.stdout, "1 run") == ["reports: 1 run"]
    assert "| ft |" in board.read_text("utf-8")

    fake_run(store, "scrub", 0, outputs=False)
    assert read_until(watching.stdout, "2 runs") == ["reports: 2 runs: 1 more"]
    assert "| scrub |" in board.read_text("utf-8")

    watching.send_signal(signal.SIGINT)
    out, err = watching.communicate(timeout=PATIENCE)
    assert (watching.returncode, out, err) == (0, "", "stopped watching results\n")
    assert not list(board.parent.glob("*.part"))


def test_on_a_terminal_the_leaderboard_is_shown_anew(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_run(store, "ft", 0, outputs=False)
    screen = Console(file=StringIO(), force_terminal=True, width=80)
    monkeypatch.setattr(console, "console", lambda stderr: screen)
    cells = split_cells(leaderboard(load_results(store.folder)))
    console.print_leaderboard(cells)
    assert "\x1b[2J" not in screen.file.getvalue()  # type: ignore[attr-defined]
    console.print_leaderboard(cells, clear=True)
    before, _, after = screen.file.getvalue().partition("\x1b[2J")  # type: ignore[attr-defined]
    assert "ft" in before and "ft" in after, "the old one stays until the new one is there"
