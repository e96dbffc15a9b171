"""A time limit is on unlearning alone, ends whatever takes longer, and changes no bit of what does not."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from sweeping import Sweeping, call, plugin, rows_of, small

import unbench
from unbench.errors import SpecError
from unbench.experiment import time_limit
from unbench.store.results import Store, load_results

SMALL: Any = {"dataset": "synthetic", "preset": "smoke", "device": "cpu"}
FOREVER = {
    "sleeps": "time.sleep(60)",
    "spins": "sum(range(10**12))",
    "swallows": "while True:\n    try:\n        time.sleep(60)\n    except BaseException:\n        pass",
}
"""Bodies of `unlearn` that report no progress: asleep, in compiled code that holds the interpreter, deaf to signals."""


@pytest.fixture
def trained(results: Path) -> Path:
    """A results folder with the reference models of these runs."""
    unbench.run("none", results=results, **SMALL)
    return results


def worker() -> psutil.Process:
    return psutil.Process(time_limit._workers[0]._process.pid)


@pytest.mark.parametrize("method", ["none", "munkey", "ft", "random_label", "fisher"])
def test_a_run_has_the_same_bits_with_and_without_a_limit(tmp_path: Path, method: str) -> None:
    rows = [unbench.run(method, results=tmp_path / f"{limit}", time_limit=limit, **SMALL) for limit in (None, 60.0)]

    assert rows[0]["status"] == "ok", rows[0]["error"]
    tables = [unbench.load_outputs(tmp_path / f"{limit}", row) for limit, row in zip((None, 60.0), rows, strict=True)]
    assert tables[0].equals(tables[1])
    assert rows_of(tmp_path / "None").equals(rows_of(tmp_path / "60.0"))
    assert rows[1]["unlearn_seconds"] > 0 and rows[1]["peak_memory_mb"] is not None


def test_the_limit_is_on_unlearning_alone(trained: Path) -> None:
    row = unbench.run("none", results=trained, force=True, time_limit=0.01, **SMALL)

    assert row["status"] == "ok", row["error"]
    assert row["unlearn_seconds"] < 0.01 < row["seconds"], "outputs and metrics take longer"


def test_probes_get_the_unlearned_model_of_the_other_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unbench.experiment.probes.STEPS", 2)
    rows = [
        unbench.run("ft", results=tmp_path / f"{limit}", probe=True, time_limit=limit, **SMALL)
        for limit in (None, 60.0)
    ]

    probes = [Store(tmp_path / f"{limit}").read_probes(row) for limit, row in zip((None, 60.0), rows, strict=True)]
    assert probes[0] is not None and probes[1] is not None
    assert probes[0][0].keys() == probes[1][0].keys() and "features/unlearned/forget" in probes[0][0]
    for name, values in probes[0][0].items():
        assert (values == probes[1][0][name]).all(), name


@pytest.mark.parametrize("name", FOREVER)
def test_a_run_that_takes_too_long_is_ended(
    tmp_path: Path, trained: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("UNBENCH_PLUGINS", str(plugin(tmp_path, name, FOREVER[name])))
    unbench.run("none", results=trained, force=True, time_limit=60.0, **SMALL)  # starts the process, uncounted
    process, begun = worker(), time.monotonic()

    row = unbench.run(name, results=trained, time_limit=0.5, **SMALL)

    assert (row["status"], row["error"]) == ("timed_out", "unlearning took longer than the 0.5 s that it was given")
    assert time.monotonic() - begun < 30
    assert not process.is_running() and not time_limit._workers
    again = unbench.run("none", results=trained, force=True, time_limit=60.0, **SMALL)
    assert again["status"] == "ok", "another process takes its place"


def test_a_sleeper_is_ended_soon_and_in_tune_and_sweep_as_well(
    tmp_path: Path, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = "time.sleep(4 if self.context.hparams['lr'] == 0.01 else 0)"
    search = "{ default = 0.01, why = 'x', low = 0.0, high = 1.0, search = [0.01, 0.1] }"
    monkeypatch.setenv("UNBENCH_PLUGINS", str(plugin(tmp_path, "slow", body)))
    card = tmp_path / "slow.toml"
    card.write_text(card.read_text() + f"\n[hparams]\nlr = {search}\n")

    unbench.run("none", results=trained, force=True, time_limit=60.0, **SMALL)
    begun = time.monotonic()
    assert unbench.run("slow", results=trained, time_limit=0.5, **SMALL)["status"] == "timed_out"
    assert time.monotonic() - begun < 3.5, "soon after 0.5 s"

    swept = unbench.sweep(
        small("slow", "slow[lr=0.5]", time_limit=0.5, jobs=1), results=trained / "sweep", device="cpu"
    )
    assert {spec.written: state.status for spec, state in swept.states.items()} == {
        "slow": "timed_out",
        "slow[lr=0.5]": "ok",
    }
    tuning = unbench.tune("slow", trials=2, time_limit=0.5, results=trained, **SMALL)
    rows = load_results(trained / "tuning")
    statuses = {json.loads(row["hparams"])["lr"]: row["status"] for _, row in rows[rows["method"] == "slow"].iterrows()}
    assert statuses[0.01] == "timed_out" and tuning.chosen.hparams["lr"] != 0.01 and tuning.chosen.default_score is None


def test_the_command_line_has_it_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("UNBENCH_PLUGINS", str(plugin(tmp_path, "sleeps", FOREVER["sleeps"])))
    asked = ("run", "-m", "sleeps", "-d", "synthetic", "--preset", "smoke", "--device", "cpu", "--time-limit", "0.5")

    assert call(monkeypatch, *asked, "--results", str(tmp_path / "results")) == 1

    assert "unlearning took longer than the 0.5 s" in capsys.readouterr().err


FAULTS = {
    "raises": ("raise ValueError('out of luck')", "failed", "ValueError: out of luck (raises.py:8)"),
    "reaches": ("access.retain", "failed", "retain_images"),
    "explodes": ("for p in model.parameters():\n    p.data.fill_(torch.nan)", "diverged", "not finite"),
    "exits": ("raise SystemExit(3)", "failed", "SystemExit"),
    "dies": ("os.kill(os.getpid(), signal.SIGKILL)", "failed", "its process was ended by SIGKILL"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_goes_wrong_in_the_other_process_is_told_as_in_this_one(
    tmp_path: Path, trained: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    body, status, reason = FAULTS[name]
    monkeypatch.setenv("UNBENCH_PLUGINS", str(plugin(tmp_path, name, body)))

    row = unbench.run(name, results=trained, time_limit=60.0, **SMALL)

    assert row["status"] == status and reason in row["error"], row["error"]
    if name != "dies":
        assert row["error"] == unbench.run(name, results=trained, force=True, **SMALL)["error"]


def test_a_model_that_cannot_be_sent_need_not_be(
    tmp_path: Path, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = "model.hook = lambda: None\nmodel.register_forward_hook(lambda *given: None)"
    monkeypatch.setenv("UNBENCH_PLUGINS", str(plugin(tmp_path, "hooked", body)))

    assert unbench.run("hooked", results=trained, time_limit=60.0, **SMALL)["status"] == "ok"


def test_a_script_without_a_main_guard_may_set_a_limit_and_no_process_is_left(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import unbench\nfrom unbench.experiment import time_limit\n"
        "row = unbench.run('none', 'synthetic', preset='smoke', results='r', device='cpu', time_limit=60.0)\n"
        "print(row['status'], time_limit._workers[0]._process.pid)\n"
    )
    done = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=True)

    status, pid = done.stdout.split()
    assert status == "ok" and not psutil.pid_exists(int(pid)) and done.stderr == ""


def test_the_process_ends_with_the_one_that_started_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = plugin(tmp_path, "spins", FOREVER["spins"])
    path.write_text(path.read_text().replace("sum(", "open('pid', 'w').write(str(os.getpid()))\n        sum("))
    asked = ["run", "-m", "spins", "-d", "synthetic", "--preset", "smoke", "--device", "cpu", "--time-limit", "500"]
    monkeypatch.setenv("UNBENCH_PLUGINS", str(path))
    process = Sweeping(*asked, cwd=tmp_path)
    end = time.monotonic() + 60
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        assert time.monotonic() < end and process.poll() is None
        time.sleep(0.1)
    other = psutil.Process(int((tmp_path / "pid").read_text()))

    process.kill(signal.SIGKILL, group=False)
    process.wait()

    other.wait(timeout=20)


@pytest.mark.parametrize("limit", [0.0, -1.0, float("nan"), float("inf")])
def test_a_limit_that_is_no_positive_number_is_refused(tmp_path: Path, limit: float) -> None:
    with pytest.raises(SpecError, match="must be a positive number of seconds"):
        unbench.run("none", results=tmp_path / "results", time_limit=limit, **SMALL)
    assert not (tmp_path / "results").exists()


def test_an_unknown_keyword_is_a_type_error(tmp_path: Path) -> None:
    calls: dict[str, Any] = {
        "run": lambda **more: unbench.run("none", **more),
        "tune": lambda **more: unbench.tune("ft", **more),
        "shadow": lambda **more: unbench.shadow("none", **more),
        "train": lambda **more: unbench.train(tmp_path / "model", **more),
        "sweep": lambda **more: unbench.sweep(small("none"), **more),
        "status": lambda **more: unbench.status(**more),
    }
    for name, function in calls.items():
        with pytest.raises(TypeError, match=rf"^{name}\(\) got an unexpected keyword argument 'resultz'$"):
            function(resultz=tmp_path)
