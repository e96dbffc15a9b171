"""What a sweep finds to do."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sweeping import SMALL, Inline, rows_of, small, spec_of, statuses

import unbench
from unbench.errors import SpecError, UnknownNameError
from unbench.experiment.settings import Settings
from unbench.experiment.spec import RunSpec
from unbench.store.results import Store, read_row
from unbench.sweeps.plan import Plan, Planner
from unbench.sweeps.sweep_file import SweepBlock, SweepCard


def planned(results: Path, *specs: RunSpec, probe: bool = False, **more: Any) -> Plan:
    return Planner(Settings(results, device="cpu")).plan(dict.fromkeys(specs, probe), **more)


def kinds(plan: Plan) -> Counter[str]:
    return Counter(task.kind for task in plan.tasks)


def test_methods_of_one_seed_share_three_stages(tmp_path: Path) -> None:
    plan = planned(tmp_path, spec_of("none"), spec_of("ft"), spec_of("ga"))

    assert kinds(plan) == {"original": 1, "oracle": 1, "oracle_2": 1, "run": 3}
    stages = {task.id for task in plan.tasks if task.kind != "run"}
    assert all(set(task.after) == stages for task in plan.tasks if task.kind == "run")
    assert [task.kind for task in plan.tasks[:3]] == ["original", "oracle", "oracle_2"], "needed first"
    assert set(plan.shared.values()) == {3}


def test_another_seed_and_a_method_that_trains_its_own_have_stages_of_their_own(tmp_path: Path) -> None:
    plan = planned(tmp_path, spec_of("none"), spec_of("none", seed=1), spec_of("munkey"))

    assert kinds(plan) == {"original": 3, "oracle": 3, "oracle_2": 3, "run": 3}
    assert len({task.id for task in plan.tasks}) == 12
    assert {len(task.after) for task in plan.tasks if task.kind == "run"} == {3}


def test_another_scenario_shares_the_original(tmp_path: Path) -> None:
    plan = planned(tmp_path, spec_of("none"), spec_of("none", scenario="class"))

    assert kinds(plan) == {"original": 1, "oracle": 2, "oracle_2": 2, "run": 2}


def test_a_method_that_cannot_serve_the_scenario_needs_nothing_and_is_skipped(
    tmp_path: Path, inline: list[Inline]
) -> None:
    (task,) = planned(tmp_path, spec_of("unsir")).tasks
    assert (task.kind, task.after) == ("run", ())

    swept = unbench.sweep(small("unsir", evaluate=True), results=tmp_path, device="cpu")

    assert statuses(tmp_path) == {"unsir": "skipped"}
    assert not swept.bad and not list((tmp_path / "stages").iterdir())
    assert planned(tmp_path, spec_of("unsir")).tasks == [], "it was not skipped for want of trying"


def test_what_plain_runs_left_is_known_by_the_same_keys(done: Path) -> None:
    plan = planned(done, spec_of("none"), spec_of("ft"), spec_of("ga"))

    stored = dict(zip(rows_of(done)["method"], rows_of(done)["run_key"], strict=True))
    assert {spec.written: state.key for spec, state in plan.states.items() if state.status} == stored
    assert [str(task) for task in plan.tasks] == ["ga on synthetic (random10, smoke, seed 0)"]
    assert plan.tasks[0].after == () and plan.stored == {"original": 1, "oracle": 1, "oracle_2": 1, "run": 2}
    row = unbench.run("ga", results=done, device="cpu", **SMALL)
    assert plan.tasks[0].id == f"run-{row['run_key']}"


def test_runs_that_went_wrong_are_left_alone_unless_asked_for_by_status(done: Path) -> None:
    store = Store(done)
    for path in sorted(store.runs.iterdir()):
        row = read_row(path)
        status = {"none": "failed", "ft": "timed_out"}[row["method"]]
        path.unlink()
        store.write_run({**row, "status": status, "error": "luck"}, None)
    both = (spec_of("none"), spec_of("ft"))

    assert planned(done, *both).tasks == []
    assert {state.error for state in planned(done, *both).states.values()} == {"luck"}
    assert [t.spec.written for t in planned(done, *both, retry=["failed"]).tasks] == ["none"]
    again = planned(done, *both, retry=["failed", "timed_out", "diverged"]).tasks
    assert [(t.spec.written, t.attempts) for t in again] == [("none", 1), ("ft", 1)]


def test_a_limit_is_of_runs_and_what_they_need(tmp_path: Path) -> None:
    plan = planned(tmp_path, *(spec_of("none", seed=seed) for seed in range(3)), limit=1)

    assert kinds(plan) == {"original": 1, "oracle": 1, "oracle_2": 1, "run": 1}
    assert len(plan.states) == 3


def test_two_requests_that_mean_the_same_are_one_task(tmp_path: Path, inline: list[Inline]) -> None:
    default = spec_of("ft").hparams["lr"]
    card = small("ft", f"ft[lr={default}]")
    assert card.runs() == {spec_of("ft"): False} and next(iter(card.runs())).written == "ft", "as it was first written"

    swept = unbench.sweep(card, results=tmp_path, device="cpu")

    assert inline[0].asked.count("run") == 1
    assert [state.status for state in swept.states.values()] == ["ok"]
    groups = [SweepBlock(probe=probe) for probe in (False, True, False)]
    assert list(SweepCard(methods=["none"], group=groups).runs().values()) == [True], "the one that asks for more"


def test_presets_of_the_same_content_are_one_task(tmp_path: Path) -> None:
    spec = spec_of("none")
    other = replace(spec, preset_name="cpu")  # which has other sizes in this data set's card
    plan = Planner(Settings(tmp_path, device="cpu"))
    plan.datasets._loaded["synthetic", "cpu"] = plan.datasets.load(spec)
    (task,) = [task for task in plan.plan({spec: False, other: True}).tasks if task.kind == "run"]
    assert task.spec == other and task.probe, "the one that asks for more"


def test_a_run_without_the_answers_that_are_asked_for_is_done_again(
    done: Path, inline: list[Inline], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unbench.experiment.probes.STEPS", 2)
    asked = spec_of("none")
    assert [(task.spec, task.probe) for task in planned(done, asked, probe=True).tasks] == [(asked, True)]

    unbench.sweep(small("none", probe=True), results=done, device="cpu")
    assert planned(done, asked, probe=True).tasks == []
    assert rows_of(done)["method"].tolist().count("none") == 2

    unbench.run("none", results=done, device="cpu", force=True, **SMALL)
    assert len(planned(done, asked, probe=True).tasks) == 1, "the newest attempt is what counts, and it was not asked"


def test_shadow_models_are_shared_extended_and_not_made_twice(tmp_path: Path, inline: list[Inline]) -> None:
    def asked(count: int) -> Plan:
        return planned(tmp_path, shadows={spec_of("none"): count, spec_of("ft"): count})

    plan = asked(4)
    assert kinds(plan) == {"shadow models": 4, "shadow": 8}
    firsts = {task.number: task.id for task in plan.tasks if task.kind == "shadow models"}
    assert all(task.after == (firsts[task.number],) for task in plan.tasks if task.kind == "shadow")

    unbench.sweep(small("none", "ft", shadows=4), results=tmp_path, device="cpu")
    assert asked(4).tasks == []
    assert kinds(asked(6)) == {"shadow models": 2, "shadow": 4}
    there = planned(tmp_path, shadows={spec_of("ga"): 4}).tasks
    assert [(task.kind, task.after) for task in there] == [("shadow", ())] * 4
    stored = {path: path.read_bytes() for path in (tmp_path / "shadows").rglob("*.safetensors")}
    assert unbench.shadow("ft", count=4, jobs=1, results=tmp_path, device="cpu", **SMALL).models == 4
    assert stored == {path: path.read_bytes() for path in (tmp_path / "shadows").rglob("*.safetensors")}


def test_shadow_models_of_a_method_that_does_not_serve_the_scenario_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="does not serve scenario"):
        planned(tmp_path, shadows={spec_of("unsir"): 1})


@pytest.mark.parametrize("count", [1, 2, 5])
def test_shadow_models_come_in_pairs_and_some_are_too_few(tmp_path: Path, count: int) -> None:
    with pytest.raises(SpecError, match=f"even and at least 4, not {count}"):
        unbench.sweep(small("none", shadows=count), results=tmp_path)


@pytest.mark.parametrize(
    ("more", "said"), [({"retry": ["faild"]}, "did you mean 'failed'"), ({"limit": 0}, "at least 1")]
)
def test_what_cannot_be_asked_of_a_sweep(tmp_path: Path, more: Any, said: str) -> None:
    with pytest.raises(SpecError, match=said) as caught:
        unbench.sweep(small("none"), results=tmp_path / "results", **more)
    assert isinstance(caught.value, UnknownNameError) == ("retry" in more)
    assert not (tmp_path / "results").exists()
