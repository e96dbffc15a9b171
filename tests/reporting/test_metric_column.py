"""`report --metric`: any metric as a column of the leaderboard, and what its rows are ranked by."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from fakes import fake_run

from unbench import evaluate, load_metrics
from unbench.analysis.board.rank_basis import BY_GAP, ideal_of, rank_basis
from unbench.errors import UnknownNameError
from unbench.metrics import METRICS
from unbench.reporting import report
from unbench.store.results import Store
from unbench.store.schema import METRIC_COLUMNS

METRIC = "rmia_auroc"
ORACLE = (52.0, 51.0)
VALUES = {"ft": (60.0, 54.0), "ga": (50.0, 49.0), "none": (80.0, 70.0)}
"""By seed. The distances to the oracle's value of the same seed are 8 and 3, 2 and 2, 28 and 19."""


class Evaluated:
    """Stands for what `unbench evaluate` has stored: the rows of unbench.load_metrics."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def load(self, folder: Path | str) -> pd.DataFrame:
        frame = pd.DataFrame(self.rows, columns=[column.name for column in METRIC_COLUMNS])
        return frame.astype(dict.fromkeys(("attempt", "seed", "value", "low", "high"), float))

    def run(self, run: dict[str, Any], metric: str, version: int = 0, **values: float | None) -> None:
        """Add a metric of the models of one run; None gives a reason instead."""
        same = ("run_key", "attempt", "method", "method_version", "hparams", "dataset", "scenario", "preset", "seed")
        for of, value in values.items():
            reason = None if value is not None else "no <reference> models"
            identity = {**{name: run[name] for name in same}, "backbone": run["model"]}
            found = {"metric_version": version or METRICS[metric].version, "value": value, "missing": reason}
            self.rows.append({**identity, "metric": metric, "of": of, **found})

    def pool(self, method: str, metric: str, value: float, pool: str = "pool") -> None:
        """Add a metric of the shadow models of one method."""
        place = {"dataset": "digits", "scenario": "random10", "preset": "cpu", "backbone": "vit"}
        identity = {"run_key": f"{pool}-{method}", "method": method, "method_version": 1, "hparams": "{}", **place}
        found = {"metric_version": METRICS[metric].version, "value": value, "low": value - 1, "high": value + 1}
        self.rows.append({**identity, "metric": metric, "of": "unlearned", "shadows": 64, **found})


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> Evaluated:
    made = Evaluated()
    monkeypatch.setattr("unbench.store.results.load_metrics", made.load)
    return made


def written(store: Store, out: Path, metric: str) -> tuple[dict[str, dict[str, str]], str]:
    """Return the rows of leaderboard.csv of the data set digits by method, and leaderboard.md."""
    report(store.folder, out, metric=metric, formats=["csv", "md"], plots=())
    rows = csv.DictReader((out / "leaderboard.csv").open(encoding="utf-8"))
    found = {row["method"]: row for row in rows if row["dataset"] == "digits"}
    return found, (out / "leaderboard.md").read_text("utf-8")


def fill(store: Store, stored: Evaluated, dataset: str = "digits") -> None:
    for method, values in VALUES.items():
        for seed, (value, oracle) in enumerate(zip(values, ORACLE, strict=True)):
            run = fake_run(store, method, seed, outputs=False, dataset=dataset, avg_gap_floor=0.1)
            stored.run(run, METRIC, unlearned=value, oracle=oracle)


def test_the_distance_to_the_oracle_of_the_same_seed_ranks_the_rows(
    store: Store, stored: Evaluated, tmp_path: Path
) -> None:
    fill(store, stored)
    rows, text = written(store, tmp_path, METRIC)
    assert list(rows) == ["ga", "ft", "none"], "the smallest distance is first"
    assert {name: (row["rank"], float(row["distance_mean"])) for name, row in rows.items()} == {
        **{"ga": ("1", 2.0), "ft": ("2", 5.5), "none": ("3", 23.5)}
    }
    assert json.loads(rows["ft"]["distance_by_seed"]) == {"0": 8.0, "1": 3.0}
    # Mean 57, standard deviation 3 sqrt 2, and 12.7062 of Student's t with one degree of freedom.
    ft = [float(rows["ft"][f"{METRIC}_{part}"]) for part in ("mean", "std", "low", "high")]
    assert ft == pytest.approx([57, 18**0.5, 57 - 12.7062 * 3, 57 + 12.7062 * 3], abs=1e-3)
    assert float(rows["ft"][f"oracle_{METRIC}_mean"]) == 51.5
    assert "| FA | MIA | Gap | Floor | Unlearn s | Peak MiB | rmia\\_auroc | oracle's rmia\\_auroc | Seeds |" in text
    assert " 57.00 ± 4.24 | 51.50 ± 0.71 | 2 |" in text
    oracle = next(line for line in text.splitlines() if line.startswith("| *oracle* |"))
    assert oracle.split(" | ")[-3] == "51.50 ± 0.71"
    assert "by the distance of its value to the oracle's value of the same seed, averaged over seeds" in text
    assert METRICS[METRIC].title in text.replace("\\", "") and f"unbench report --metric {METRIC}\n" in text


def test_cells_are_compared_by_the_metric(store: Store, stored: Evaluated, tmp_path: Path) -> None:
    for dataset in ("digits", "cub", "cars"):
        fill(store, stored, dataset)
    _, text = written(store, tmp_path, METRIC)
    overview = text[text.index("## Preset cpu") :].split("\n## ")[0]
    assert "| *oracle* | 51.50 ± 0.71 | 51.50 ± 0.71 | 51.50 ± 0.71 |" in overview
    assert "| ga | 49.50 ± 0.71 | 49.50 ± 0.71 | 49.50 ± 0.71 |" in overview and "noise floor* |" not in overview
    # On seed 0 as on seed 1, ga is nearer than ft, and ft than none.
    for name, rank in (("ga", 1), ("ft", 2), ("none", 3)):
        assert f"| {name} | {rank}.00 | {rank}.00 to {rank}.00 | {rank} | {rank} | {rank} |" in overview


def test_a_numeric_ideal_is_what_the_distance_is_to(store: Store, stored: Evaluated, tmp_path: Path) -> None:
    for method, value in (("ft", 0.75), ("ga", 1.5), ("none", 0.0)):
        stored.run(fake_run(store, method, outputs=False), "anamnesis_index", unlearned=value)
    rows, text = written(store, tmp_path, "anamnesis_index")
    assert {name: float(row["distance_mean"]) for name, row in rows.items()} == {"ft": 0.25, "ga": 0.5, "none": 1.0}
    assert [row["rank"] for row in rows.values()] == ["1", "2", "3"]
    assert "to 1, its ideal, averaged over seeds" in text and "oracle_anamnesis_index_mean" not in rows["ft"]


def test_a_column_of_the_row_is_taken_from_there(store: Store, stored: Evaluated, tmp_path: Path) -> None:
    for method, value in (("ft", 70.0), ("ga", 79.0)):
        fake_run(store, method, outputs=False, test_acc=value, oracle_test_acc=80.0)
    rows, text = written(store, tmp_path, "test_acc")
    assert {name: (row["rank"], float(row["distance_mean"])) for name, row in rows.items()} == {
        **{"ga": ("1", 1.0), "ft": ("2", 10.0)}
    }
    assert "| Peak MiB | oracle's TA | Seeds |" in text and text.count("| TA | RA | FA |") >= 2


def test_an_ideal_that_is_neither_ranks_nothing_and_says_so(store: Store, stored: Evaluated, tmp_path: Path) -> None:
    for method, value, gap in (("ft", 90.0, 3.0), ("ga", 95.0, 2.0)):
        run = fake_run(store, method, outputs=False, avg_gap=gap, avg_gap_floor=1.0)
        stored.run(run, "cka_forget", unlearned=value)
    rows, text = written(store, tmp_path, "cka_forget")
    assert {name: (row["rank"], row["cka_forget_mean"]) for name, row in rows.items()} == {
        **{"ga": ("1", "95"), "ft": ("2", "90")}
    }
    assert "distance_mean" not in rows["ft"] and "Within a cell a lower gap is better" in text
    assert "cka_forget is shown but not ranked: its ideal (at least that of oracle_2) is neither a number nor" in text


def test_a_missing_value_has_its_reason_and_no_rank(store: Store, stored: Evaluated, tmp_path: Path) -> None:
    stored.run(fake_run(store, "ft", 0, outputs=False), METRIC, unlearned=60.0, oracle=52.0)
    stored.run(fake_run(store, "ft", 1, outputs=False), METRIC, unlearned=None, oracle=52.0)
    fake_run(store, "ga", outputs=False)
    stored.run(fake_run(store, "none", outputs=False), METRIC, unlearned=80.0, oracle=50.0)
    rows, text = written(store, tmp_path, METRIC)
    assert {name: (row["rank"], row[f"{METRIC}_mean"]) for name, row in rows.items()} == {
        **{"none": ("1", "80"), "ft": ("", ""), "ga": ("", "")}
    }
    assert "not known: no &lt;reference&gt; models\n" in text
    assert "not known: not evaluated; run 'unbench evaluate --metric rmia\\_auroc'" in text


def test_values_by_another_definition_are_not_shown(store: Store, stored: Evaluated, tmp_path: Path) -> None:
    stored.run(fake_run(store, "ft", outputs=False), METRIC, version=99, unlearned=60.0, oracle=52.0)
    rows, text = written(store, tmp_path, METRIC)
    assert rows["ft"]["rank"] == rows["ft"][f"{METRIC}_mean"] == ""
    assert "evaluated with version 99 of the metric; run 'unbench evaluate" in text


def test_what_evaluate_stores_is_what_the_report_shows(store: Store, tmp_path: Path) -> None:
    metric = "mia_confidence_auroc"
    for method in ("ft", "ga"):
        for seed in (0, 1):
            fake_run(store, method, seed)
    evaluate(store.folder, [metric])
    found = load_metrics(store.folder)
    values = found[found["metric"] == metric].pivot_table(index=["method", "seed"], columns="of", values="value")
    rows, _ = written(store, tmp_path, metric)
    for method in ("ft", "ga"):
        own = values.loc[method]
        assert float(rows[method][f"{metric}_mean"]) == pytest.approx(own["unlearned"].mean())
        assert float(rows[method]["distance_mean"]) == pytest.approx((own["unlearned"] - own["oracle"]).abs().mean())
    assert sorted(row["rank"] for row in rows.values()) == ["1", "2"]


def test_values_of_shadow_models_belong_to_the_row_of_their_pool(
    store: Store, stored: Evaluated, tmp_path: Path
) -> None:
    for method in ("ft", "ga", "none", "retrain", "scrub"):
        fake_run(store, method, outputs=False, method_version=1)
    for method, value in (("ft", 56.0), ("ga", 53.0), ("retrain", 51.0)):
        stored.pool(method, "ulira_auroc", value)
    for pool in ("pool", "other"):
        stored.pool("scrub", "ulira_auroc", 90.0, pool)
    rows, text = written(store, tmp_path, "ulira_auroc")
    assert {name: (row["rank"], row["distance_mean"]) for name, row in rows.items()} == {
        **{"retrain": ("", "1"), "ga": ("1", "3"), "ft": ("2", "6"), "none": ("", ""), "scrub": ("", "")}
    }
    assert (rows["ft"]["ulira_auroc_low"], rows["ft"]["ulira_auroc_std"]) == ("55", "")
    assert rows["ft"]["oracle_ulira_auroc_mean"] == "51"
    assert "several pools of shadow models match this row" in text and "no shadow models of this row are" in text


def test_where_the_ideal_is_the_retrained_shadow_models_the_distance_is_to_them(
    store: Store, stored: Evaluated, tmp_path: Path
) -> None:
    for method in ("ft", "ga"):
        fake_run(store, method, outputs=False, method_version=1)
    for method, value in (("ft", 0.5), ("ga", 0.125), ("retrain", 0.25)):
        stored.pool(method, "klom_95", value)
    rows, text = written(store, tmp_path, "klom_95")
    assert {name: float(row["distance_mean"]) for name, row in rows.items()} == {"ga": 0.125, "ft": 0.25}
    assert "the oracle's value in the same pool of shadow models; a smaller distance" in text
    assert "| 0.125 | 0.25 | 1 |" in text


@pytest.mark.parametrize(
    "metric", ["pathway_sensitivity_val", "memory_entries", "oracle_seconds", "val_acc", "avg_gap"]
)
def test_every_number_of_the_leaderboard_can_be_shown(
    store: Store, stored: Evaluated, tmp_path: Path, metric: str
) -> None:
    for method, gap in (("ft", 3.0), ("ga", 2.0)):
        changes = {metric: gap if metric == "avg_gap" else 12.0, "avg_gap": gap}
        fake_run(store, method, outputs=False, avg_gap_floor=1.0, **changes)
    rows, text = written(store, tmp_path, metric)
    assert [row["rank"] for row in rows.values()] == (["", ""] if metric == "val_acc" else ["1", "2"])
    assert float(rows["ft"][f"{metric}_mean"]) == (3.0 if metric == "avg_gap" else 12.0)
    assert f"{metric} is shown but not ranked".replace("_", "") in text.replace("_", "") or metric in (
        "avg_gap",
        "val_acc",
    )


def test_every_metric_has_a_basis_and_few_are_not_ranked() -> None:
    bases = {name: rank_basis(name) for name in METRICS}
    unranked = {name for name, basis in bases.items() if basis.ranked == "avg_gap"}
    assert unranked == {"avg_gap", "cka_forget", "cka_test", "pathway_sensitivity_val"}
    assert bases["avg_gap"] == BY_GAP and all(name in bases[name].rule for name in METRICS if name != "avg_gap")
    numbers = {name: ideal_of(METRICS[name]) for name in METRICS if isinstance(ideal_of(METRICS[name]), float)}
    assert numbers | {"tow": 1.0, "js_test": 0.0, "ulira_auroc": 50.0, "ulira_tpr_at_1pct": 1.0} == numbers
    assert rank_basis("unlearn_seconds").rule.endswith("not ranked: it is no metric with an ideal.")


def test_an_unknown_name_is_refused_with_the_nearest(store: Store, stored: Evaluated, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"'rmia_aurok'; did you mean 'rmia_auroc'"):
        report(store.folder, tmp_path, metric="rmia_aurok")
    with pytest.raises(TypeError, match="unexpected keyword argument 'metrics'"):
        report(store.folder, tmp_path, metrics="rmia_auroc")  # type: ignore[call-arg]
