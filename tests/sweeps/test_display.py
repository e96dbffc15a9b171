"""What a user sees of a sweep: lines, a table, estimates."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from rich.console import Console
from sweeping import spec_of

from unbench.store.schema import COLUMNS
from unbench.sweeps.display import Display, Duration, Estimator, LiveTable
from unbench.sweeps.plan import Plan, State
from unbench.sweeps.tasks import Outcome, Task

NAMES = [column.name for column in COLUMNS]


def history(*rows: dict[str, Any]) -> pd.DataFrame:
    about = {"status": "ok", "dataset": "synthetic", "preset": "smoke", "method": "ft"}
    return pd.DataFrame([{**about, **row} for row in rows], columns=NAMES)


def plan() -> Plan:
    """An original for two runs, of which one is a method with a name like markup; a third is done."""
    stage = Task("original-1", "original", spec_of("ft"), shared=True)
    other = replace(spec_of("ft[epochs=1]"), written="ft[bold=1]")
    runs = [Task(f"run-{n}", "run", spec, ("original-1",)) for n, spec in enumerate((spec_of("ft"), other))]
    states = {task.spec: State(task.id.removeprefix("run-")) for task in runs}
    states[spec_of("none")] = State("done", "ok", 1)
    return Plan(states, [stage, *runs], Counter({"oracle": 2, "run": 1}))


def test_lines_say_what_there_is_and_what_came_of_each_task() -> None:
    said: list[str] = []
    shown, todo = Display(said.append), plan()
    shown.planned(todo, 2, history({"seconds": 60.0, "train_seconds": 180.0}))
    stage, ft, red = todo.tasks
    shown.begun(stage)
    shown.busy(stage)
    shown.begun(stage)
    shown.busy(stage)
    shown.ended(stage, Outcome("done", seconds=1.25))
    row = {"status": "ok", "error": None, "avg_gap": 1.234}
    shown.ended(ft, Outcome("done", row=row, seconds=2.0))
    shown.ended(red, Outcome("done", row={"status": "failed", "error": "no [luck]", "avg_gap": None}))

    assert said == [
        "original: 0 stored, 1 to do",
        "oracle: 2 stored, 0 to do",
        "runs: 1 stored, 2 to do",
        "2 at a time; this will take about 2 min",
        "original on synthetic (random10, smoke, seed 0): another process is at work on it",
        "[1/3] original on synthetic (random10, smoke, seed 0): done, 1.2 s",
        "[2/3] ft on synthetic (random10, smoke, seed 0): ok, gap 1.23, 2.0 s",
        "[3/3] ft[bold=1] on synthetic (random10, smoke, seed 0): failed: no [luck]",
    ]


def test_a_run_that_ends_without_having_begun_changes_no_count_of_what_is_under_way() -> None:
    shown, todo = Display(), plan()
    shown.planned(todo, 1, history())
    _, ft, red = todo.tasks
    shown.begun(ft)
    shown.ended(red, Outcome("failed", "the original diverged", "diverged"))

    assert shown.running == {ft.id} and shown.done["run"] == 1
    assert shown.failures == ["ft[bold=1] on synthetic (random10, smoke, seed 0): diverged: the original diverged"]


@pytest.mark.parametrize("width", [60, 120])
def test_the_table_shows_counts_and_names_as_they_are(width: int) -> None:
    stream = io.StringIO()
    shown, todo = LiveTable(Console(file=stream, width=width, force_terminal=True, color_system=None)), plan()
    shown.planned(todo, 1, history())
    stage, ft, red = todo.tasks
    with shown:
        shown.begun(stage)
        shown.ended(stage, Outcome("done", seconds=1.0))
        shown.begun(ft)
        shown.ended(red, Outcome("failed", "no [bold]luck"))
        shown.refresh()

    last = stream.getvalue().rpartition("stage ")[2]
    lines = [line.split() for line in last.splitlines()]
    assert any(line[:5] == ["original", "0", "1", "0", "0"] for line in lines), last
    assert any(line[:5] == ["runs", "1", "1", "1", "0"] for line in lines), last
    assert "ft[bold=1] on synthetic" in last and "failed: 1; the last: ft[bold=1]" in last
    assert max(len(line) for line in last.splitlines()) <= width + len("\x1b[?25h")


def test_an_estimate_is_the_median_of_the_like() -> None:
    seen = history(
        *({"seconds": s, "train_seconds": 10 * s, "oracle_seconds": 5.0} for s in (1.0, 2.0, 9.0)),
        {"method": "ga", "seconds": 100.0},
        {"seconds": 1e6, "status": "failed"},
        {"seconds": 1e6, "preset": "paper"},
    )
    estimator = Estimator(seen)

    def takes(kind: Any, method: str) -> float | None:
        return estimator.seconds(Task("x", kind, spec_of(method)))

    assert takes("run", "ft[lr=0.1]") == 2.0
    assert takes("original", "ft") == takes("original", "salun") == 20.0, "which any method began with"
    assert takes("oracle", "ft") == takes("oracle_2", "ft") == 5.0
    assert takes("run", "salun") is None and takes("shadow", "ft") is None
    tasks = [Task("x", "run", spec_of(method)) for method in ("ft", "ga", "salun")]
    assert estimator.total(tasks) == Duration(102.0, 1)
    assert Estimator(history()).total(tasks) == Duration(0, 3)


def test_a_duration_in_words() -> None:
    assert str(Duration(0, 2)) == "unknown: no past runs are like these 2 tasks"
    assert [str(Duration(seconds, 0)) for seconds in (5, 90, 5000)] == [
        "about 5 s",
        "about 2 min",
        "about 1 h 23 min",
    ]
    assert str(Duration(60, 1)) == "about 1 min, and the time of 1 tasks that no past run is like"
