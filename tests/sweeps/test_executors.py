"""Where a sweep is done changes no bit of it, and what goes wrong there becomes a row."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sweeping import plugin, rows_of, small, spec_of, statuses, trainings

import unbench
from unbench.errors import SpecError
from unbench.experiment.failures import how_it_died
from unbench.experiment.settings import Settings
from unbench.sweeps.executors import open_executor
from unbench.sweeps.executors.local import take
from unbench.sweeps.plan import Planner

PACKAGES = {"local": "pebble", "ray": "ray", "slurm": "submitit"}
SETTINGS: dict[str, Any] = {"slurm": {"cluster": "local"}, "ray": {"retries": 0}}
LOST = {"local": "ended by SIGKILL", "ray": "Ray lost its worker", "slurm": "ended as FINISHED, without a result"}
DIES = "os.kill(os.getpid(), signal.SIGKILL)"


@pytest.fixture
def executor(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An executor whose package is installed."""
    name: str = request.param
    if importlib.util.find_spec(PACKAGES[name]) is None:
        pytest.skip(f"{PACKAGES[name]} is not installed")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    yield name


@pytest.mark.parametrize("executor", PACKAGES, indirect=True)
def test_every_executor_gives_the_bits_of_plain_runs_and_survives_a_method_that_does_not(
    executor: str, plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNBENCH_PLUGINS", str(plugin(tmp_path, "dies", DIES)))
    if executor == "slurm":  # which may take some seconds to show files to other machines
        monkeypatch.setattr("submitit.Job._results_timeout_s", 0.5)
    results = tmp_path / "results"

    card = small("none", "ft", "dies", jobs=2, executor=executor, ray=SETTINGS["ray"], slurm=SETTINGS["slurm"])
    swept = unbench.sweep(card, results=results, device="cpu")

    assert statuses(results) == {"none": "ok", "ft": "ok", "dies": "failed"}
    assert list(swept.bad) == [spec_of("dies")]
    assert set(trainings(results).values()) == {1} and len(trainings(results)) == 3
    expected, found = rows_of(plain), rows_of(results)
    alive = found[found["status"] == "ok"].reset_index(drop=True)
    pd.testing.assert_frame_equal(alive, expected)
    for row in expected.to_dict("records"):
        assert unbench.load_outputs(results, row).equals(unbench.load_outputs(plain, row))
    (reason,) = found[found["status"] == "failed"]["error"]
    assert {"local": "ended by SIGKILL", "ray": "Ray lost its worker", "slurm": "ended as FINISHED, without a result"}[
        executor
    ] in reason
    assert "\n" not in reason


def test_one_at_a_time_gives_the_same_bits(plain: Path, tmp_path: Path) -> None:
    unbench.sweep(small("none", "ft", jobs=1), results=tmp_path, device="cpu")

    pd.testing.assert_frame_equal(rows_of(tmp_path), rows_of(plain))
    for path in sorted(plain.glob("stages/*/model.safetensors")):
        assert (tmp_path / path.relative_to(plain)).read_bytes() == path.read_bytes()


FAULTS = {
    "raises": "raise ValueError('out of [red]luck')",
    "diverges": "from unbench.errors import DivergedError\nraise DivergedError('the loss is nan')",
    "dies": DIES,
    "forever": "while True:\n    time.sleep(0.01)",
    "hungry": "kept = []\nwhile True:\n    kept.append(torch.ones(2**23))",
    "stuck": "while True:\n    try:\n        time.sleep(60)\n    except BaseException:\n        pass",
    "compiled": "sum(range(10**12))",
}
REASONS = {
    "raises": ("failed", "ValueError: out of [red]luck"),
    "diverges": ("diverged", "the loss is nan"),
    "dies": ("failed", "its process was ended by SIGKILL; the system may have run out of memory"),
    "forever": ("timed_out", "unlearning took longer than the 1 s that it was given"),
    "hungry": ("failed", "more than the 1000 MiB that the sweep gives it"),
    "stuck": ("timed_out", "unlearning took longer than the 1 s that it was given"),
    "compiled": ("timed_out", "unlearning took longer than the 1 s that it was given"),
}


def test_each_kind_of_failure_is_a_row_that_says_why_and_harms_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, body in FAULTS.items():
        plugin(tmp_path, name, body)
    monkeypatch.setenv("UNBENCH_PLUGINS", str(tmp_path))
    results = tmp_path / "results"
    card = small(*FAULTS, "none", "ft", jobs=2, time_limit=1.0, memory_limit=1000.0)

    swept = unbench.sweep(card, results=results, device="cpu")

    said = dict(zip(rows_of(results)["method"], rows_of(results)["error"], strict=True))
    assert statuses(results) == {**{name: status for name, (status, _) in REASONS.items()}, "none": "ok", "ft": "ok"}, (
        said
    )
    rows = rows_of(results).set_index("method")
    for name, (_, reason) in REASONS.items():
        assert reason in rows.loc[name, "error"], name
        assert "\n" not in rows.loc[name, "error"]
    assert set(rows["attempt"]) == {1} and set(rows["threads"]) == {1}
    assert {spec.written for spec in swept.bad} == set(FAULTS)
    assert not list((results / "locks").glob("*.last-words")), "told, and not told again"

    again = unbench.sweep(card, results=results, device="cpu")
    assert again.ran == [] and {spec.written for spec in again.bad} == set(FAULTS)
    tasks = Planner(Settings(results, device="cpu")).plan(card.runs(), retry=["failed"]).tasks
    assert [task.spec.written for task in tasks] == ["raises", "dies", "hungry"]


def test_a_code_says_how_a_process_ended() -> None:
    assert how_it_died(-15) == "its process was ended by SIGTERM"
    assert how_it_died(1) == "its process ended with exit code 1"


def test_each_worker_has_a_gpu_of_its_own_until_all_are_shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("unbench.sweeps.executors.local._HELD", held := [])

    assert [take(["4", "7"], share=2) for _ in range(4)] == ["4", "7", "4", "7"]
    held.pop(1).release()
    assert take(["4", "7"], share=2) == "7", "the one that is free again"
    for lock in held:
        lock.release()


def test_a_local_sweep_knows_the_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[dict[str, Any]] = []
    monkeypatch.setattr("unbench.sweeps.executors.local.gpus", lambda device: [f"a gpu for {device}"])
    monkeypatch.setattr("unbench.sweeps.executors.local.ProcessPool", lambda **given: opened.append(given))

    open_executor("local", 3, Settings(tmp_path, device="cuda"), {})

    assert opened[0]["max_workers"] == 3 and opened[0]["initargs"] == (["a gpu for cuda"], 3)


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("slurm", {"cluster": "local", "mem_bg": 1}, "mem_bg"),
        ("slurm", {"cluster": "lokal"}, "lokal"),
        ("ray", {"gpu": 1}, "did you mean 'gpus'"),
    ],
)
def test_an_option_that_an_executor_does_not_know_is_one_line(
    tmp_path: Path, name: str, options: dict[str, Any], said: str
) -> None:
    pytest.importorskip(PACKAGES[name])
    with pytest.raises(SpecError, match=said) as caught:
        open_executor(name, 1, Settings(tmp_path), options)
    assert "\n" not in str(caught.value)


def test_a_job_of_a_queue_has_more_than_the_five_minutes_of_submitit(tmp_path: Path) -> None:
    submitit = pytest.importorskip("submitit")
    found = open_executor("slurm", 1, Settings(tmp_path), {"cluster": "local"})._executor  # type: ignore[attr-defined]
    assert isinstance(found, submitit.AutoExecutor)
    assert found._executor.parameters["timeout_min"] == 24 * 60
    said = open_executor("slurm", 1, Settings(tmp_path), {"cluster": "local", "timeout_min": 7})
    assert said._executor._executor.parameters["timeout_min"] == 7  # type: ignore[attr-defined]


@pytest.mark.parametrize(("name", "missing"), [("ray", "ray"), ("slurm", "submitit")])
def test_an_executor_whose_package_is_not_there_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, missing: str
) -> None:
    monkeypatch.delitem(__import__("sys").modules, f"unbench.sweeps.executors.{name}", raising=False)
    monkeypatch.setitem(__import__("sys").modules, missing, None)
    with pytest.raises(SpecError, match=rf'needs {missing}: pip install "unbench\[{name}\]"'):
        open_executor(name, 1, Settings(tmp_path), {})
