"""`unbench diff`: what changed beyond noise, by known answers on made-up results."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pandas as pd
import pytest
from command import unbench
from fakes import fake_run
from scipy import stats

from unbench import diff, evaluate, load_metrics
from unbench.analysis.comparison.compare import summary
from unbench.analysis.comparison.noise import WEIGHT, Finding, Verdict, settle
from unbench.errors import SpecError, StoreError, UnknownNameError
from unbench.store.results import Store
from unbench.store.schema import METRIC_COLUMNS
from unbench.store.tables import read_table, write_table

FLOOR = 1.0


@pytest.fixture
def sides(tmp_path: Path) -> tuple[Store, Store]:
    return Store(tmp_path / "a"), Store(tmp_path / "b")


def write(store: Store, values: list[float], measure: str = "test_acc", **changes: Any) -> None:
    """Write a run of ft for each value, seeds counted from 0; only the value and `changes` differ between sides."""
    for seed, value in enumerate(values):
        given = {"avg_gap_floor": FLOOR, "unlearn_seconds": 1.0, measure: value, **changes}
        fake_run(store, "ft", seed, outputs=False, **given)


def verdicts(frame: pd.DataFrame, *but: str) -> dict[str, str]:
    """Map each measure that is not the same to its verdict."""
    rows = frame[~frame["verdict"].isin(["same", *but])]
    assert rows["measure"].is_unique
    return dict(zip(rows["measure"], rows["verdict"], strict=True))


def one(frame: pd.DataFrame, measure: str) -> dict[str, Any]:
    (row,) = frame[frame["measure"] == measure].to_dict("records")
    return dict(row)


def test_copies_are_the_same_to_the_bit(sides: tuple[Store, Store]) -> None:
    for store in sides:
        for seed in range(2):
            for method in ("none", "ft"):
                fake_run(store, method, seed)
        evaluate(store.folder, ["test_acc", "mia_confidence_auroc", "js_forget"])
    frame = diff(sides[0].folder, sides[1].folder)
    assert set(frame["verdict"]) == {"same"}
    assert set(frame["label"]) == {"none", "ft"}
    assert {"status", "test_acc", "avg_gap", "unlearn_seconds", "mia_confidence_auroc", "js_forget"} <= set(
        frame["measure"]
    )
    assert not frame.duplicated(["label", "measure"]).any(), "an evaluated metric that is a column stands once"
    assert summary(frame).startswith("4 common runs: ") and summary(frame).endswith(" same")


def test_a_shift_beyond_floor_and_spread_is_a_change(sides: tuple[Store, Store]) -> None:
    a, b = sides
    write(a, [80.0, 81.0, 82.0])
    write(b, [70.0, 71.5, 71.5])
    frame = diff(a.folder, b.folder)
    assert verdicts(frame) == {"test_acc": "changed"}
    row = one(frame, "test_acc")
    assert (row["seeds"], row["mean_a"], row["mean_b"], row["difference"]) == (3, 81.0, 71.0, -10.0)
    # Smyth's moderated t, written out: differences -10, -9.5, -10.5, and a floor that is a mean absolute difference.
    freedom = 2 + WEIGHT
    error = math.sqrt((0.5 + WEIGHT * math.pi / 2 * FLOOR**2) / freedom / 3)
    assert row["p_holm"] == pytest.approx(2 * stats.t.sf(10 / error, freedom))
    assert row["noise"] == pytest.approx(stats.t.ppf(0.975, freedom) * error)


def test_a_shift_within_the_floor_is_noise(sides: tuple[Store, Store]) -> None:
    write(sides[0], [80.0, 81.0, 82.0])
    write(sides[1], [80.5, 81.5, 82.25])
    assert verdicts(diff(sides[0].folder, sides[1].folder)) == {"test_acc": "within noise"}


@pytest.mark.parametrize(
    ("shift", "floor", "verdict"),
    [
        (5.0, FLOOR, "changed"),  # t = 5 / sqrt(pi / 2) = 3.99 with 4 degrees of freedom, p = 0.016
        (3.0, FLOOR, "within noise"),  # t = 2.39, p = 0.075
        (5.0, 2 * FLOOR, "within noise"),
        (50.0, None, "cannot tell"),
        (50.0, 0.0, "cannot tell"),
    ],
)
def test_one_seed_is_judged_by_the_floor_alone(
    sides: tuple[Store, Store], shift: float, floor: float | None, verdict: str
) -> None:
    write(sides[0], [30.0], avg_gap_floor=floor)
    write(sides[1], [30.0 + shift], avg_gap_floor=floor)
    assert verdicts(diff(sides[0].folder, sides[1].folder)) == {"test_acc": verdict}


def test_a_difference_without_spread_needs_noise_that_is_known(sides: tuple[Store, Store]) -> None:
    for floor, verdict in ((None, "cannot tell"), (FLOOR, "changed")):
        write(sides[0], [80.0, 81.0, 82.0], avg_gap_floor=floor)
        write(sides[1], [70.0, 71.0, 72.0], avg_gap_floor=floor)
        frame = diff(sides[0].folder, sides[1].folder)
        assert verdicts(frame) == {"test_acc": verdict}
        assert ("the same on every seed" in one(frame, "test_acc")["note"]) == (floor is None)


def test_without_known_noise_it_is_the_plain_paired_t_test(sides: tuple[Store, Store]) -> None:
    a, b = [80.0, 81.0, 82.0, 80.5], [70.0, 72.0, 71.0, 70.0]
    write(sides[0], a, avg_gap_floor=None)
    write(sides[1], b, avg_gap_floor=None)
    row = one(diff(sides[0].folder, sides[1].folder), "test_acc")
    assert row["verdict"] == "changed"
    assert row["p_holm"] == pytest.approx(stats.ttest_rel(b, a).pvalue)
    low, high = stats.ttest_rel(b, a).confidence_interval()
    assert (row["difference"] - row["noise"], row["difference"] + row["noise"]) == pytest.approx((low, high))


def test_the_more_numbers_differ_the_more_each_must_show(sides: tuple[Store, Store]) -> None:
    found = [Finding((), "test_acc", "same", 3, p_value=p, tested=True) for p in (0.01, 0.04, 0.03, None)]
    settle(found)
    assert [each.p_holm for each in found] == pytest.approx([0.04, 0.09, 0.09, None])
    assert [each.verdict for each in found] == ["changed", "within noise", "within noise", "same"]

    write(sides[0], [30.0])
    write(sides[1], [35.0])
    assert verdicts(diff(sides[0].folder, sides[1].folder)) == {"test_acc": "changed"}
    more = {"retain_acc": 90.0, "forget_acc": 90.0, "mia_auroc": 50.0}
    write(sides[0], [30.0], **more)
    write(sides[1], [35.0], **{name: value + 0.1 for name, value in more.items()})
    frame = diff(sides[0].folder, sides[1].folder)
    assert verdicts(frame) == dict.fromkeys(("test_acc", *more), "within noise"), "four times p is above 0.05"


def test_rounding_is_noise_and_costs_no_test(sides: tuple[Store, Store]) -> None:
    write(sides[0], [30.0], retain_acc=90.0)
    write(sides[1], [35.0], retain_acc=90.0 + 1e-12)
    frame = diff(sides[0].folder, sides[1].folder)
    assert verdicts(frame) == {"test_acc": "changed", "retain_acc": "within noise"}
    assert one(frame, "retain_acc")["note"] == "rounding"


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ("ok", "failed", "status worse"),
        ("ok", "skipped", "status worse"),
        ("skipped", "diverged", "status worse"),
        ("failed", "ok", "status better"),
        ("failed", "timed_out", "status other"),
    ],
)
def test_a_change_of_status_stands_first(sides: tuple[Store, Store], before: str, after: str, verdict: str) -> None:
    for store, status, value in ((sides[0], before, 80.0), (sides[1], after, 10.0)):
        write(store, [value, value, value])
        fake_run(store, "ga", 7, status=status, error=None if status == "ok" else "it\nbroke")
    row = diff(sides[0].folder, sides[1].folder).iloc[0].to_dict()
    assert (row["verdict"], row["method"], row["measure"], row["seeds"]) == (verdict, "ga", "status", 1)
    assert row["note"] == f"{before} to {after}, seed 7" + (": it broke" if after != "ok" else "")


def test_runs_that_fail_on_both_sides_are_the_same(sides: tuple[Store, Store]) -> None:
    for store in sides:
        fake_run(store, "ga", status="failed", error="broke")
    frame = diff(sides[0].folder, sides[1].folder)
    assert frame[["measure", "verdict", "note"]].to_numpy().tolist() == [["status", "same", "failed: broke"]]


def test_commits_of_one_folder_are_compared_by_the_newest_ok_attempt_of_each(tmp_path: Path) -> None:
    store = Store(tmp_path / "runs@home")
    write(store, [80.0], git_commit="abc111")
    write(store, [30.0], git_commit="abd222")
    write(store, [60.0], git_commit="abd222", git_dirty=True)
    fake_run(store, "ft", 0, outputs=False, status="failed", error="broke", git_commit="abd222")
    fake_run(store, "ft", 0, outputs=False, status="failed", error="broke", git_commit="f00")
    logged: list[str] = []
    frame = diff(f"{store.folder}@ABC1", f"{store.folder}@abd", log=logged.append)
    row = one(frame, "test_acc")
    assert (row["mean_a"], row["mean_b"], row["verdict"]) == (80.0, 60.0, "changed")
    assert [line for line in logged if "uncommitted" in line] == [
        f"{store.folder}@abd: 1 of 1 runs were made with uncommitted changes to that commit"
    ]
    assert set(diff(store.folder, f"{store.folder}@abd")["verdict"]) == {"same"}, "a folder gives its newest ok attempt"
    assert diff(store.folder, f"{store.folder}@f00")["verdict"].tolist()[0] == "status worse"
    with pytest.raises(SpecError, match=r"2 commits .* begin with 'ab': abc111, abd222"):
        diff(f"{store.folder}@ab", store.folder)
    with pytest.raises(UnknownNameError, match="unknown commit '999'"):
        diff(store.folder, f"{store.folder}@999")
    with pytest.raises(SpecError, match="write FOLDER or FOLDER@COMMIT"):
        diff(f"{store.folder}@", store.folder)


def test_versions_and_spelling_do_not_part_runs_but_are_reported(sides: tuple[Store, Store]) -> None:
    a, b = sides
    write(a, [10.0], hparams='{"lr": 0.1, "epochs": 2}', torch_version="1", started_at="2026-01-01T00:00:00Z")
    write(b, [99.0], hparams='{"lr": 0.1, "epochs": 2}', started_at="2025-01-01T00:00:00Z")
    write(b, [10.0], hparams='{"epochs": 2, "lr": 0.1}', method_version=2, started_at="2026-01-01T00:00:00Z")
    logged: list[str] = []
    frame = diff(a.folder, b.folder, log=logged.append)
    assert set(frame["verdict"]) == {"same"} and set(frame["label"]) == {"ft"}
    assert logged == [
        f"{b.folder}: leaving out 1 older run(s), run again since with other versions, data or training",
        "what else differs, and in how many of 1 common runs: method version (1), torch version (1)",
    ]


def test_what_is_on_one_side_only_is_reported_once(sides: tuple[Store, Store]) -> None:
    a, b = sides
    write(a, [80.0, 81.0, 82.0], val_acc=None, val_gap=1.0)
    write(b, [80.0, 81.0], val_gap=None, missing='{"val_gap": "no validation"}')
    write(b, [80.0], hparams='{"lr": 0.1}')
    frame = diff(a.folder, b.folder)
    rows = frame[frame["verdict"] != "same"]
    assert rows[["verdict", "label", "measure", "note"]].to_numpy().tolist() == [
        ["only in A", "ft", "run", "seed 2"],
        ["only in A", "ft", "val_gap", "seeds 0, 1: no validation"],
        ["only in B", "ft[lr=0.1]", "run", "seed 0"],
    ]
    lost = one(rows, "val_gap")
    assert (lost["mean_a"], lost["seeds"]) == (1.0, 0) and math.isnan(lost["mean_b"]), "the old value is still shown"


def test_nothing_in_common_and_nothing_at_all_are_mistakes(sides: tuple[Store, Store]) -> None:
    a, b = sides
    fake_run(a, "ft", 0)
    with pytest.raises(StoreError, match="there is no results folder"):
        diff(a.folder, b.folder)
    b.folder.mkdir()
    with pytest.raises(StoreError, match="there are no runs in"):
        diff(a.folder, b.folder)
    fake_run(b, "ft", 1)
    fake_run(b, "ga", 0)
    with pytest.raises(SpecError, match="no run in common"):
        diff(a.folder, b.folder)
    table = a.folder / "leaderboard.csv"
    table.touch()
    with pytest.raises(SpecError, match="is a file; name a folder of results, or FOLDER@COMMIT"):
        diff(table, b.folder)


@pytest.mark.parametrize(
    ("before", "after", "changes", "verdict"),
    [
        ([1.0, 1.0], [2.0, 2.5], {}, "changed"),
        ([1.0, 1.0], [0.5, 0.25], {}, "changed"),
        ([1.0, 1.0], [1.9, 9.0], {}, "within noise"),
        ([1.0, 1.0], [0.4, 2.5], {}, "within noise"),
        ([0.0001, 0.0], [0.009, 0.009], {}, "within noise"),
        ([0.0, 0.0], [0.02, 0.03], {}, "changed"),
        ([1.0, 1.0], [9.0, 9.0], {"threads": 64}, "cannot tell"),
        ([1.0, 1.0], [1.0, 1.0], {"device": "cuda"}, "cannot tell"),
    ],
)
def test_seconds_are_a_ratio_on_every_seed(
    sides: tuple[Store, Store], before: list[float], after: list[float], changes: dict[str, Any], verdict: str
) -> None:
    for store, seconds, more in ((sides[0], before, {}), (sides[1], after, changes)):
        write(store, seconds, "unlearn_seconds", peak_memory_mb=None, **more)
    frame = diff(sides[0].folder, sides[1].folder)
    assert verdicts(frame) == {"unlearn_seconds": verdict}
    if verdict != "cannot tell":
        pairs = [max(b, 0.01) / max(a, 0.01) for a, b in zip(before, after, strict=True)]
        assert one(frame, "unlearn_seconds")["ratio"] == pytest.approx(stats.gmean(pairs))


def rewrite(store: Store, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Change the evaluated metrics of a folder."""
    for path in store.metrics.iterdir():
        rows = read_table(path, METRIC_COLUMNS).to_pylist()
        write_table(path, [{**row, **change(row)} for row in rows], METRIC_COLUMNS)


def test_evaluated_metrics_are_judged_by_their_bootstrap_intervals(sides: tuple[Store, Store]) -> None:
    for store in sides:
        fake_run(store, "ft")
        evaluate(store.folder, ["mia_confidence_auroc", "test_acc"])
    evaluate(sides[0].folder, ["js_forget"])
    (known,) = (
        load_metrics(sides[1].folder).query("metric == 'mia_confidence_auroc' and of == 'unlearned'").to_dict("records")
    )
    for share, verdict in ((0.2, "within noise"), (9.0, "changed")):
        shift = share * (known["high"] - known["low"])
        moved = {"value": known["value"] + shift, "low": known["low"], "high": known["high"]}
        rewrite(sides[1], lambda row, moved=moved: moved if row["metric"] == "mia_confidence_auroc" else {})  # type: ignore[misc]
        frame = diff(sides[0].folder, sides[1].folder)
        assert verdicts(frame) == {"mia_confidence_auroc": verdict}
        assert "js_forget" not in set(frame["measure"]), "evaluated on one side only"
        # One seed, two bootstrap standard deviations in quadrature, weight 4.
        error = math.hypot(*[(known["high"] - known["low"]) / 2 / stats.norm.ppf(0.975)] * 2)
        assert one(frame, "mia_confidence_auroc")["p_holm"] == pytest.approx(2 * stats.t.sf(shift / error, WEIGHT))


def test_a_metric_with_another_definition_cannot_be_compared(sides: tuple[Store, Store]) -> None:
    for store in sides:
        fake_run(store, "ft")
        evaluate(store.folder, ["mia_confidence_auroc"])
    names = {"mia_confidence_auroc", "test_acc"}
    rewrite(sides[1], lambda row: {"metric_version": 2} if row["metric"] in names else {})
    frame = diff(sides[0].folder, sides[1].folder)
    assert verdicts(frame) == dict.fromkeys(names, "cannot tell")
    for name in names:
        assert "version 1 to 2" in one(frame, name)["note"]
    missing = {"value": None, "low": None, "high": None, "missing": "it came out as nan"}
    rewrite(sides[1], lambda row: missing if row["metric"] in names else {})
    lost = diff(sides[0].folder, sides[1].folder)
    assert verdicts(lost) == dict.fromkeys(names, "only in A")


def test_metrics_of_an_older_attempt_are_not_those_of_the_newest(tmp_path: Path) -> None:
    store = Store(tmp_path)
    fake_run(store, "ft", git_commit="aaa")
    evaluate(tmp_path, ["mia_confidence_auroc"])
    fake_run(store, "ft", git_commit="bbb")
    frame = diff(f"{tmp_path}@aaa", f"{tmp_path}@bbb")
    assert "mia_confidence_auroc" not in set(frame["measure"]), "the second attempt was not evaluated"
    evaluate(tmp_path, ["mia_confidence_auroc"])
    rewrite(store, lambda row: {"value": 1.0} if row["attempt"] == 2 else {})
    row = one(diff(f"{tmp_path}@aaa", f"{tmp_path}@bbb"), "mia_confidence_auroc")
    assert row["mean_b"] == 1.0 < row["mean_a"]


def test_the_command_prints_what_changed_and_its_exit_code_tells(sides: tuple[Store, Store], tmp_path: Path) -> None:
    for store, value in zip(sides, (80.0, 20.0), strict=True):
        write(store, [value])
        fake_run(store, "[bold]mine[/bold]", 0, outputs=False, test_acc=50.0 if value == 80.0 else 51.0)
    done = unbench("diff", "a", "b", cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    place = "digits random10 cpu vit"
    assert [line[:8] for line in lines] == [
        ["changed", place, "ft", "test_acc", "1", "80.0", "20.0", "-60.0"],
        ["within noise", place, "[bold]mine[/bold]", "test_acc", "1", "50.0", "51.0", "1.0"],
    ]
    assert "Holm" in done.stderr and done.stderr.splitlines()[-1].startswith(
        "2 common runs: 1 changed, 1 within noise,"
    )
    rows = json.loads(unbench("diff", "a", "b", "--all", "--json", cwd=tmp_path).stdout)
    assert {row["verdict"] for row in rows} == {"changed", "within noise", "same"}
    assert {row["method"] for row in rows} == {"ft", "[bold]mine[/bold]"}

    same = unbench("diff", "a", "a", cwd=tmp_path)
    assert (same.returncode, same.stdout) == (0, "")
    wrong = unbench("diff", "a", "c", cwd=tmp_path)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr.splitlines()[-1] == "unbench: there is no results folder c; 'unbench run' makes one"


def test_on_a_terminal_names_are_printed_as_they_are(
    sides: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from unbench.cli.results import diff as command

    for store, value in zip(sides, (80.0, 80.5), strict=True):
        fake_run(store, "[red]m[/red]", 0, outputs=False, test_acc=value)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    command(str(sides[0].folder), str(sides[1].folder))
    assert "[red]m[/red]" in capsys.readouterr().out


def test_help_states_the_rule(tmp_path: Path) -> None:
    printed = " ".join(unbench("diff", "--help", cwd=tmp_path).stdout.split())
    for words in (
        "p below 0.05",
        "Holm's method",
        "noise floor",
        "bootstrap interval",
        "at least twice",
        "FOLDER@COMMIT",
    ):
        assert words in printed


def test_every_verdict_is_in_the_order_of_the_table(sides: tuple[Store, Store]) -> None:
    a, b = sides
    write(a, [80.0], retain_acc=90.0, unlearn_seconds=1.0)
    write(b, [20.0], retain_acc=90.1, unlearn_seconds=1.0, threads=8)
    fake_run(a, "ga", 0)
    fake_run(b, "none", 0)
    frame = diff(a.folder, b.folder)
    order = get_args(Verdict)
    places = [order.index(verdict) for verdict in frame["verdict"]]
    assert places == sorted(places) and len(set(places)) == 6
