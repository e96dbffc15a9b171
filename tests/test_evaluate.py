"""`unbench evaluate`: metrics of stored runs, computed once, resumed, and missing with their reason."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fakes import fake_run

from unbench import evaluate, load_metrics, run, shadow
from unbench.analysis.evaluation.summary import power, powerless
from unbench.errors import StoreError, UnknownNameError
from unbench.metrics import METRICS, MissingValue
from unbench.metrics.estimates import estimate
from unbench.store.metric_rows import MetricRow, MetricsFile, read_metric_rows, write_metric_rows
from unbench.store.results import Store, load_results
from unbench.store.schema import MEASURED, Row

FAST = ["test_ece", "js_forget", "mia_confidence_auroc"]
"""Metrics that a run does not compute by itself."""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path)
    for method in ("none", "ft"):
        fake_run(made, method)
    return made


def chosen(frame: pd.DataFrame, names: Sequence[str] = FAST) -> pd.DataFrame:
    """The rows of some metrics."""
    return frame[frame["metric"].isin(names)]


def test_values_are_those_of_the_runs_and_lie_in_their_intervals(store: Store) -> None:
    rows = load_results(store.folder).set_index("run_key")
    for path in store.metrics.iterdir():
        path.unlink()
    names = ["test_acc", "avg_gap", "mia_auroc"]
    frame = chosen(evaluate(store.folder, names), names)
    found = frame[frame["of"] == "unlearned"]
    assert len(found) == 2 * len(names)
    for row in found.itertuples():
        assert row.value == pytest.approx(rows.loc[row.run_key, row.metric])
    accuracies = found[found["metric"] == "test_acc"]
    assert (accuracies["low"] < accuracies["value"]).all() and (accuracies["value"] < accuracies["high"]).all()
    floor = frame[(frame["metric"] == "avg_gap") & (frame["of"] == "oracle_2")]
    assert floor["value"].tolist() == pytest.approx(rows.loc[floor["run_key"], "avg_gap_floor"].tolist())


def test_what_is_there_is_not_computed_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    evaluate(store.folder, FAST)
    files = {path: path.stat().st_mtime_ns for path in store.metrics.iterdir()}
    evaluate(store.folder, FAST)
    assert {path: path.stat().st_mtime_ns for path in store.metrics.iterdir()} == files
    more = evaluate(store.folder, ["zrf_uniform"])
    assert {*FAST, "zrf_uniform"} <= set(more["metric"]), "the others stay"

    newer = replace(METRICS["test_ece"], version=2, interval=False, function=lambda run, model: 12.5)
    monkeypatch.setitem(METRICS, "test_ece", newer)
    again = evaluate(store.folder, FAST)
    assert set(chosen(again, ["test_ece"])["value"]) == {12.5}, "a newer definition replaces the older values"


def test_two_processes_that_evaluate_one_run_lose_nothing_of_each_other(store: Store) -> None:
    path, identity = store.metrics / "a-1.parquet", {"run_key": "a", "attempt": 1}
    one, other = MetricsFile(store, path, identity), MetricsFile(store, path, identity)
    for file, metric in ((one, "test_acc"), (other, "avg_gap")):
        assert file.lacks(metric, "unlearned", 1)
        file.add(MetricRow(metric, "unlearned", 1, 1.0))
        assert not file.lacks(metric, "unlearned", 1)
        assert file.lacks(metric, "unlearned", 2) and file.lacks(metric, "unlearned", 1, shadows=4)
        file.save()
    assert {row.metric for row in read_metric_rows(path)} == {"test_acc", "avg_gap"}


def test_an_interrupted_evaluation_goes_on(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = 0

    def dies(path: Path, identity: Row, rows: Iterable[MetricRow]) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise KeyboardInterrupt
        write_metric_rows(path, identity, rows)

    monkeypatch.setattr("unbench.store.metric_rows.write_metric_rows", dies)
    with pytest.raises(KeyboardInterrupt):
        evaluate(store.folder, FAST)
    assert chosen(load_metrics(store.folder))["run_key"].nunique() == 1
    evaluate(store.folder, FAST)
    assert calls == 3, "only the second run was left"
    assert len(chosen(load_metrics(store.folder))) == 2 * sum(len(METRICS[name].models) for name in FAST)


def test_what_cannot_be_computed_is_missing_with_its_reason(store: Store) -> None:
    names = ["forget_class_test_acc", "val_gap"]
    frame = chosen(evaluate(store.folder, names), names)
    assert frame["value"].isna().all()
    assert set(frame["missing"]) == {"no class was forgotten in this scenario", "the run stores no 'val' outputs"}


def test_runs_without_outputs_are_named(store: Store) -> None:
    fake_run(store, "ga", outputs=False)
    said: list[str] = []
    frame = evaluate(store.folder, FAST, log=said.append)
    assert said == ["ga on digits (seed 0): no per-example outputs are stored"]
    assert "ga" not in set(chosen(frame)["method"])


def test_the_newest_attempt_counts(store: Store) -> None:
    first = fake_run(store, "ga")
    evaluate(store.folder, FAST)
    second = fake_run(store, "ga", run_key=first["run_key"])
    assert second["attempt"] == 2
    frame = evaluate(store.folder, FAST)
    assert set(frame[frame["method"] == "ga"]["attempt"]) == {2}
    assert len(chosen(frame)) == 3 * sum(len(METRICS[name].models) for name in FAST)


def test_mistakes_are_named(store: Store, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'mia_auroc'"):
        evaluate(store.folder, ["mia_auc"])
    with pytest.raises(StoreError, match="no results folder"):
        evaluate(tmp_path / "nowhere")
    evaluate(store.folder, FAST)
    path = next(store.metrics.iterdir())
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(StoreError, match=r"corrupt.*run the same 'unbench evaluate' again to replace it"):
        load_metrics(store.folder)


def test_seeds_are_summed_up_and_methods_compared_in_pairs(tmp_path: Path) -> None:
    from scipy import stats

    store = Store(tmp_path)
    for seed in range(4):
        for method in ("none", "ft", "ga"):
            fake_run(store, method, seed)
    frame = chosen(evaluate(tmp_path, ["test_ece"]), ["test_ece"])
    seeds = chosen(pd.read_parquet(store.summary / "seeds.parquet"), ["test_ece"]).set_index(["method", "of"])
    values = {name: part["value"].to_numpy() for name, part in frame[frame["of"] == "unlearned"].groupby("method")}
    for name, known in values.items():
        row = seeds.loc[(name, "unlearned")]
        assert (row["seeds"], row["mean"]) == (4, pytest.approx(known.mean()))
        low, high = stats.t.interval(0.95, 3, known.mean(), stats.sem(known))
        assert (row["low"], row["high"]) == (pytest.approx(low), pytest.approx(high))
    compared = pd.read_parquet(store.summary / "comparisons.parquet")
    assert set(compared["metric"]) == {"test_ece", *(name for name, of in MEASURED.values() if of == "unlearned")} - {
        *("forget_class_test_acc", "val_acc", "val_gap", "pathway_sensitivity_val", "pathway_sensitivity_forget")
    }, "each metric with a value"
    compared = chosen(compared, ["test_ece"]).set_index(["first", "second"])
    assert len(compared) == 3
    row = compared.loc[("ft", "ga")]
    assert row["difference"] == pytest.approx((values["ft"] - values["ga"]).mean())
    assert row["p_value"] == pytest.approx(stats.ttest_rel(values["ft"], values["ga"]).pvalue)
    assert (compared["p_holm"] >= compared["p_value"]).all()


@pytest.mark.parametrize("keys", ["ab", "ba"])
def test_the_summary_counts_one_run_for_each_seed_the_newest(keys: str, tmp_path: Path) -> None:
    store, other = Store(tmp_path / "results"), Store(tmp_path / "other")
    for seed in range(3):
        fake_run(store, "none", seed)
        fake_run(store, "ft", seed, started_at="2026-01-01", method_version=1, run_key=f"{keys[0]}{seed}")
        second = fake_run(store, "ft", seed, started_at="2026-02-01", method_version=2, run_key=f"{keys[1]}{seed}")
        # The numbers of another method, which are far off.
        store.outputs_path(second).write_bytes(other.outputs_path(fake_run(other, "munkey", seed)).read_bytes())
    told: list[str] = []
    frame = chosen(evaluate(store.folder, ["test_ece"], log=told.append), ["test_ece"])
    assert told[0].startswith("3 older run(s)")
    assert sorted(frame[frame["of"] == "unlearned"]["method_version"]) == [1] * 3 + [1] * 3 + [2] * 3, (
        "all are evaluated"
    )
    newest = frame[(frame["of"] == "unlearned") & (frame["method_version"] == 2)]["value"]
    seeds = pd.read_parquet(store.summary / "seeds.parquet").query(
        "metric == 'test_ece' and method == 'ft' and of == 'unlearned'"
    )
    assert (seeds["seeds"].tolist(), seeds["mean"].tolist()) == ([3], [pytest.approx(newest.mean())])
    compared = chosen(pd.read_parquet(store.summary / "comparisons.parquet"), ["test_ece"])
    idle = frame[(frame["of"] == "unlearned") & (frame["method"] == "none")]["value"]
    assert compared["difference"].tolist() == [pytest.approx(newest.mean() - idle.mean())]


def test_one_seed_has_no_interval_and_says_why(store: Store) -> None:
    evaluate(store.folder, FAST)
    seeds = pd.read_parquet(store.summary / "seeds.parquet")
    assert seeds["low"].isna().all() and seeds["reason"].str.len().min() > 0
    assert pd.read_parquet(store.summary / "comparisons.parquet").empty


def test_a_value_that_is_not_finite_is_missing() -> None:
    metric = METRICS["test_acc"]
    assert estimate(metric, "unlearned", lambda: float("inf"), lambda: np.zeros(3)).missing == "it came out as inf"
    undefined = estimate(metric, "unlearned", lambda: 1.0, lambda: np.array([1.0, np.nan]))
    assert (undefined.value, undefined.low, undefined.high) == (1.0, None, None)

    def refuses() -> float:
        raise MissingValue("no examples")

    assert estimate(metric, "unlearned", refuses, refuses).missing == "no examples"


def test_shadow_models_are_used_when_there_are_some(tmp_path: Path) -> None:
    small = {"dataset": "synthetic", "preset": "smoke", "results": tmp_path}
    run("none", **small)  # type: ignore[arg-type]
    wanted = [name for name, metric in METRICS.items() if metric.needs in ("references", "shadows")]
    first = chosen(evaluate(tmp_path, wanted), wanted)
    assert first["value"].isna().all() and first["missing"].str.contains("unbench shadow").all()
    shadow("none", count=4, jobs=1, **small)  # type: ignore[arg-type]
    second = chosen(evaluate(tmp_path, wanted), wanted)
    runs = second[second["seed"].notna()]
    assert (runs["shadows"] == 4).all(), "computed again now that there are models"
    assert not runs["missing"].fillna("").str.contains("unbench shadow").any()
    cells = second[second["seed"].isna()]
    assert set(cells["method"]) == {"none", "retrain"}
    assert (cells["shadows"] == 4).all()


def test_an_attack_that_cannot_tell_doing_nothing_from_retraining_is_called_powerless(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for seed in range(4):
        fake_run(store, "none", seed)
    said: list[str] = []
    frame = chosen(evaluate(tmp_path, ["mia_auroc"], log=said.append), ["mia_auroc"])
    (row,) = pd.read_parquet(store.summary / "power.parquet").to_dict("records")
    values = frame.groupby("of")["value"].mean()
    assert (row["idle"], row["oracle"]) == (pytest.approx(values["original"]), pytest.approx(values["oracle"]))
    assert row["low"] > 0 and row["powerful"] and not said, "the fake original remembers"

    blind = frame.assign(value=np.where(frame["of"] == "oracle", frame["seed"] % 2, 0.5))
    (found,) = power(blind)
    assert found["powerful"] is False and found["low"] < 0 < found["high"]
    assert powerless([found]) == [
        "digits, random10, cpu, vit: powerless, they cannot tell doing nothing from retraining: mia_auroc"
    ]
    (single,) = power(frame[frame["seed"] == 0])
    assert single["low"] < single["idle"] - single["oracle"] < single["high"]
    assert power(frame[frame["method"] == "ft"]) == []
