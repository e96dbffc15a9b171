"""Sweeps for tests: small, in this process or in one of their own."""

from __future__ import annotations

import os
import re
import signal
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from command import Started

from unbench.cli import main
from unbench.experiment.settings import Settings
from unbench.experiment.spec import RunSpec
from unbench.store.results import Store, newest_attempts
from unbench.store.schema import COLUMNS
from unbench.sweeps.executors import Executor
from unbench.sweeps.sweep_file import SweepCard
from unbench.sweeps.tasks import Outcome, Task
from unbench.sweeps.work import perform

TOLD_BY_CLOCK = {"started_at", "seconds", "unlearn_seconds", "train_seconds", "oracle_seconds", "peak_memory_mb"}
"""Columns that two runs of the same spec do not share, with those of COSTS."""

SMALL: Any = {"dataset": "synthetic", "preset": "smoke"}
"""The runs of these tests, as `unbench.run` takes them."""

COSTS = {column.name for column in COLUMNS if column.name.endswith("_seconds") or column.name.startswith("predict_ms")}


class Inline(Executor):
    """An executor that does each task at once, in this process."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(slots=1)
        self.settings = settings
        self.asked: list[str] = []
        self.outcomes: list[Outcome] = []

    def start(self, tasks: Sequence[Task]) -> Iterator[int]:
        for task in tasks:
            self.asked.append(task.kind)
            self.outcomes.append(perform(task, self.settings))
            yield len(self.outcomes) - 1

    def ended(self, patience: float) -> list[tuple[int, Outcome]]:
        return [(number, self.outcomes[number]) for number in self.running]

    def close(self) -> None:
        pass


@pytest.fixture
def inline(monkeypatch: pytest.MonkeyPatch) -> list[Inline]:
    """Sweeps run in this process; the list holds the executor of each."""
    opened: list[Inline] = []

    def open_inline(name: str, jobs: int, settings: Settings, options: Any) -> Inline:
        opened.append(Inline(settings))
        return opened[-1]

    monkeypatch.setattr("unbench.sweeps.sweep.open_executor", open_inline)
    return opened


def rows_of(results: Path) -> pd.DataFrame:
    """All attempts, without what a clock told, in an order of their own."""
    columns = [c.name for c in COLUMNS if c.name not in TOLD_BY_CLOCK | COSTS]
    frame = Store(results).history()[columns]
    return frame.sort_values(["run_key", "attempt"]).reset_index(drop=True)


def small(*methods: str, seeds: Sequence[int] = (0,), **more: Any) -> SweepCard:
    """Return a sweep of runs that take a second."""
    told = {"preset": "smoke", "threads": 1, "evaluate": False, **more}
    return SweepCard(methods=list(methods), datasets=["synthetic"], seeds=list(seeds), **told)


def spec_of(method: str, seed: int = 0, **more: Any) -> RunSpec:
    """Return one run of such a sweep."""
    return RunSpec.parse(method, "synthetic", seed=seed, preset="smoke", **more)


def statuses(results: Path) -> dict[str, str]:
    """Return the status of the newest attempt of each method's run."""
    rows = newest_attempts(Store(results).history())
    return dict(zip(rows["method"], rows["status"], strict=True))


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Return the exit code of `unbench ARGUMENTS`, in this process."""
    monkeypatch.setattr("sys.argv", ["unbench", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def trainings(results: Path) -> Counter[str]:
    """How often each stage was trained to its end, as the logs of the tasks have it."""
    found = re.findall(r"trained (\S+) in", "".join(path.read_text() for path in (results / "logs").glob("*.log")))
    return Counter(found)


class Sweeping(Started):
    """`unbench ARGUMENTS`, not waited for, whose output and errors are `stdout`."""

    def __init__(self, *arguments: str, cwd: Path) -> None:
        with tempfile.TemporaryDirectory() as folder:
            os.mkfifo(pipe := Path(folder, "pipe"))
            super().__init__(arguments, cwd, dict(os.environ), pipe, None)
            self.stdout = pipe.open()

    def kill(self, number: signal.Signals, group: bool = True) -> None:
        """Send a signal to the process, or to it and every process that it started."""
        if group:
            os.killpg(self.pid, number)
        else:
            os.kill(self.pid, number)


def plugin(folder: Path, name: str, body: str, **card: str) -> Path:
    """Write a plug-in, NAME.py with its card, whose `unlearn` has this body; return the file."""
    lines = "\n".join(f"        {line}" for line in body.splitlines())
    (folder / f"{name}.py").write_text(
        "import os, signal, time\nimport torch\nfrom unbench.methods.base import Method\n\n\n"
        f"class Mine(Method):\n    def unlearn(self, model, access):\n{lines}\n        return model\n"
    )
    more = "".join(f"{key} = {value}\n" for key, value in card.items())
    (folder / f"{name}.toml").write_text(
        f'name = "{name}"\nversion = 1\ntitle = "A method for a test"\nfamily = "post-hoc"\ncode = "{name}:Mine"\n'
        f'claim = "none"\n{more}\n[source]\ncitation = "none"\n'
    )
    return folder / f"{name}.py"
