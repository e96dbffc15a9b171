"""The explorer's data, from results made by hand."""

from __future__ import annotations

import base64
import json
from io import BytesIO
from statistics import mean, stdev
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from explorer_pages import data_of
from fakes import SIZES, fake_run
from PIL import Image
from scipy.stats import t

from unbench.analysis.looks import EDGES, SHOWN, digest_outputs
from unbench.analysis.outputs import RunExamples
from unbench.config import registry
from unbench.data import Dataset, load_dataset
from unbench.reporting.explorer.thumbnails import Thumbnails
from unbench.reporting.explorer.values import stored_values
from unbench.store.metric_rows import MetricRow, MetricsFile, identity_of
from unbench.store.results import Store, load_metrics
from unbench.store.schema import COMPARISON_COLUMNS, METRIC_COLUMNS, OUTPUT_COLUMNS
from unbench.store.tables import arrow_schema, write_table


def row_of(data: dict[str, Any], label: str, cell: int = 0) -> dict[str, Any]:
    return next(row for row in data["cells"][cell]["rows"] if row["label"] == label)


# Rows


def test_a_value_is_mean_spread_and_t_interval_over_seeds(store: Store) -> None:
    values = [90.0, 92.0, 97.0]
    for seed, value in enumerate(values):
        fake_run(store, "ft", seed, outputs=False, test_acc=value)
    row = row_of(data_of(store.folder), "ft")
    low, high = t.interval(0.95, 2, mean(values), stdev(values) / 3**0.5)
    assert row["values"]["test_acc"] == pytest.approx([mean(values), stdev(values), low, high], rel=1e-5)
    assert row["n"] == 3


def test_one_seed_has_a_mean_and_neither_spread_nor_interval(store: Store) -> None:
    fake_run(store, "ft", 0, outputs=False, test_acc=91.0)
    assert row_of(data_of(store.folder), "ft")["values"]["test_acc"] == [91.0, None, None, None]


def test_a_missing_value_is_its_reason(store: Store) -> None:
    fake_run(store, "ft", 0, outputs=False, mia_auroc=None, missing='{"mia_auroc": "too few images"}')
    assert row_of(data_of(store.folder), "ft")["values"]["mia_auroc"] == "too few images (seed 0)"


def test_a_failed_run_is_a_row_with_its_reason(store: Store) -> None:
    fake_run(store, "ga", 0, status="diverged", error="the loss became NaN")
    data = data_of(store.folder)
    row = row_of(data, "ga")
    assert (row["n"], row["failed"]) == (0, "seed 0: diverged: the loss became NaN")
    assert not any(isinstance(value, list) for value in row["values"].values())
    assert "the loss became NaN" in data["cells"][0]["outputs"][0]["reason"]


@pytest.mark.parametrize("column", ["preset", "data_fingerprint", "model"])
def test_what_cannot_be_compared_is_in_cells_of_its_own(store: Store, column: str) -> None:
    fake_run(store, "ft", 0, outputs=False)
    fake_run(store, "ft", 1, outputs=False, **{column: "other"})
    cells = data_of(store.folder)["cells"]
    assert [row["n"] for cell in cells for row in cell["rows"]] == [1, 1]
    # What a person chooses by tells them apart.
    assert len({(cell["dataset"], cell["scenario"], cell["preset"], cell["place"]) for cell in cells}) == 2


def test_versions_of_a_method_are_rows_of_their_own(store: Store) -> None:
    fake_run(store, "ft", 0, outputs=False, test_acc=10.0)
    fake_run(store, "ft", 0, outputs=False, test_acc=20.0, method_version=2)
    rows = data_of(store.folder)["cells"][0]["rows"]
    assert sorted(row["values"]["test_acc"][0] for row in rows) == [10.0, 20.0]


def test_only_a_gap_within_the_noise_floor_is_a_tie(store: Store) -> None:
    for method, gap in (("ft", 1.9), ("ga", 2.1)):
        fake_run(store, method, 0, outputs=False, avg_gap=gap, avg_gap_floor=2.0)
    data = data_of(store.folder)
    assert (row_of(data, "ft")["tie"], row_of(data, "ga")["tie"]) == (True, False)


def test_the_references_are_the_oracle_and_its_noise_floor(store: Store) -> None:
    row = fake_run(store, "ft", 0, outputs=False)
    oracle, floor = data_of(store.folder)["cells"][0]["references"]
    assert (oracle["kind"], floor["kind"]) == ("oracle", "floor")
    assert oracle["values"]["test_acc"][0] == pytest.approx(row["oracle_test_acc"], rel=1e-5)
    assert oracle["values"]["unlearn_seconds"][0] == row["oracle_seconds"]
    assert floor["values"]["avg_gap"][0] == pytest.approx(row["avg_gap_floor"], rel=1e-5)


def test_a_method_with_its_own_oracle_has_its_own_references(store: Store) -> None:
    fake_run(store, "ft", 0, outputs=False)
    fake_run(store, "munkey", 0, outputs=False)
    found = data_of(store.folder)["cells"][0]["references"]
    assert {(one["of"], one["kind"]) for one in found} == {
        (of, kind) for of in ("post-hoc methods", "munkey") for kind in ("oracle", "floor")
    }


def test_empty_results_have_no_cells(store: Store) -> None:
    assert data_of(store.folder) == {"columns": [], "cells": [], "runs": [], "edges": list(EDGES)}


# What unbench evaluate stores


def store_metric(store: Store, row: dict[str, Any], **changes: Any) -> None:
    file = MetricsFile(store, store.metrics_path(row), identity_of(row))
    file.add(MetricRow(**{"metric": "rmia_auroc", "of": "unlearned", "value": 60.0, **changes}))
    file.save()


def test_stored_metrics_are_averaged_over_the_runs_of_their_row(store: Store) -> None:
    for seed, value in enumerate((60.0, 64.0)):
        store_metric(store, fake_run(store, "ft", seed, outputs=False), value=value)
    data = data_of(store.folder)
    assert row_of(data, "ft")["values"]["rmia_auroc"][:2] == pytest.approx([62.0, 8**0.5], rel=1e-5)
    column = next(column for column in data["columns"] if column["name"] == "rmia_auroc")
    assert column["evaluated"] and not column["chosen"] and column["written"] == "points"


def test_a_metric_of_an_older_attempt_is_not_shown(store: Store) -> None:
    store_metric(store, fake_run(store, "ft", 0, outputs=False))
    fake_run(store, "ft", 0, outputs=False, test_acc=50.0)
    assert "rmia_auroc" not in row_of(data_of(store.folder), "ft")["values"]


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        ({"value": None, "missing": "no shadow models"}, "no shadow models"),
        ({"value": float("inf")}, "evaluated for 1 of 2 seeds"),
        ({"metric_version": 2}, "different versions"),
    ],
)
def test_a_metric_that_a_seed_lacks_is_a_reason(store: Store, second: dict[str, Any], reason: str) -> None:
    rows = [fake_run(store, "ft", seed, outputs=False) for seed in (0, 1)]
    store_metric(store, rows[0])
    store_metric(store, rows[1], **second)
    found = stored_values(load_metrics(store.folder), {row["run_key"]: 0 for row in rows})
    assert reason in found[0, "unlearned"]["rmia_auroc"]


def store_shadow_metric(store: Store, row: dict[str, Any], pool: str = "pool", **changes: Any) -> None:
    """What `unbench evaluate` stores of shadow models that the method of a run was applied to."""
    same = ("method", "method_version", "hparams", "dataset", "scenario", "preset")
    entry = {column.name: None for column in METRIC_COLUMNS} | {name: row[name] for name in same}
    entry |= {"run_key": f"{pool}-{row['method']}", "backbone": row["model"], "of": "unlearned"}
    entry |= {"metric": "ulira_auroc", "metric_version": 1, "value": 64.0, "low": 59.0, "high": 68.0} | changes
    write_table(store.metrics / f"shadows-{entry['run_key']}.parquet", [entry], METRIC_COLUMNS)


def test_a_metric_of_shadow_models_has_its_own_interval_whatever_the_seeds(store: Store) -> None:
    for seed in (0, 1):
        row = fake_run(store, "ft", seed, outputs=False)
    fake_run(store, "ga", 0, outputs=False)
    store_shadow_metric(store, row)
    data = data_of(store.folder)
    assert row_of(data, "ft")["values"]["ulira_auroc"] == [64.0, None, 59.0, 68.0]
    assert "ulira_auroc" not in row_of(data, "ga")["values"]
    (column,) = (column for column in data["columns"] if column["name"] == "ulira_auroc")
    assert column["evaluated"] and column["pooled"] and not column["chosen"] and column["written"] == "points"
    assert "not over seeds" in column["meaning"]
    assert not any(other["pooled"] for other in data["columns"] if other is not column)


def test_a_metric_of_shadow_models_that_is_missing_is_its_reason(store: Store) -> None:
    row = fake_run(store, "ft", 0, outputs=False)
    store_shadow_metric(store, row, value=None, low=None, high=None, missing="too few models")
    assert row_of(data_of(store.folder), "ft")["values"]["ulira_auroc"] == "too few models"


def test_retrained_shadow_models_are_the_oracle_of_the_methods_of_their_pool(store: Store) -> None:
    rows = {method: fake_run(store, method, 0, outputs=False) for method in ("ft", "ga", "munkey")}
    fake_run(store, "retrain", 0, outputs=False)
    oracle = {**rows["ft"], "method": "retrain"}
    for method, pool in (("ga", "standard"), ("munkey", "own")):
        store_shadow_metric(store, rows[method], pool)
    for pool, value in (("standard", 51.0), ("own", 52.0)):
        store_shadow_metric(store, oracle, pool, value=value)
    data = data_of(store.folder)
    found = {
        one["of"]: one["values"]["ulira_auroc"][0]
        for one in data["cells"][0]["references"]
        if one["kind"] == "oracle" and "ulira_auroc" in one["values"]
    }
    assert found == {"post-hoc methods": 51.0, "munkey": 52.0}
    assert row_of(data, "retrain")["values"]["ulira_auroc"][0] == 51.0


@pytest.mark.parametrize("other", [{"data_fingerprint": "other"}, {"model_options": '{"width": 1}'}])
def test_a_metric_of_shadow_models_that_could_be_of_two_rows_is_of_none(store: Store, other: dict[str, str]) -> None:
    row = fake_run(store, "ft", 0, outputs=False)
    fake_run(store, "ft", 1, outputs=False, **other)
    store_shadow_metric(store, row)
    data = data_of(store.folder)
    assert not any("ulira_auroc" in one["values"] for cell in data["cells"] for one in cell["rows"])


@pytest.mark.parametrize("other", [{"hparams": '{"lr": 0.5}'}, {"method_version": 2}, {"model": "convnet"}])
def test_a_metric_of_shadow_models_is_of_the_row_with_just_these_settings(store: Store, other: dict[str, Any]) -> None:
    row = fake_run(store, "ft", 0, outputs=False, test_acc=10.0)
    fake_run(store, "ft", 0, outputs=False, test_acc=20.0, **other)
    store_shadow_metric(store, row)
    rows = [one for cell in data_of(store.folder)["cells"] for one in cell["rows"]]
    assert [one["values"]["test_acc"][0] for one in rows if "ulira_auroc" in one["values"]] == [10.0]


def test_a_row_that_two_pools_could_be_of_gets_the_reason(store: Store) -> None:
    row = fake_run(store, "ft", 0, outputs=False)
    for pool, value in (("one", 60.0), ("two", 70.0)):
        store_shadow_metric(store, row, pool, value=value)
    assert "several pools" in row_of(data_of(store.folder), "ft")["values"]["ulira_auroc"]


def store_comparison(store: Store, **changes: Any) -> None:
    row = {"dataset": "digits", "scenario": "random10", "preset": "cpu", "backbone": "vit", "metric": "test_acc"}
    row |= {"first": "ft", "second": "ga", "seeds": "[0, 1]", "difference": -2.0, "low": -3.0, "high": -1.0}
    row |= {"p_value": 0.01, "p_holm": 0.02, "reason": None}
    write_table(store.summary / "comparisons.parquet", [row | changes], COMPARISON_COLUMNS)


def test_a_stored_difference_names_the_rows_that_it_is_of(store: Store) -> None:
    for method in ("ft", "ga", "none"):
        for seed in (0, 1):
            fake_run(store, method, seed, outputs=False)
    store_comparison(store)
    cell = data_of(store.folder)["cells"][0]
    [[first, second, *numbers]] = cell["comparisons"]["test_acc"]
    assert [cell["rows"][number]["label"] for number in (first, second)] == ["ft", "ga"]
    assert numbers == [-2.0, -3.0, -1.0, 0.02]


@pytest.mark.parametrize("ambiguous", [{"method_version": 2}, {"preset": "cpu", "data_fingerprint": "other"}])
def test_a_difference_that_could_be_of_two_rows_is_of_none(store: Store, ambiguous: dict[str, Any]) -> None:
    for method in ("ft", "ga"):
        for seed in (0, 1):
            fake_run(store, method, seed, outputs=False)
    fake_run(store, "ft", 0, outputs=False, **ambiguous)
    store_comparison(store)
    assert all(cell["comparisons"] == {} for cell in data_of(store.folder)["cells"])


def test_a_difference_over_seeds_that_a_row_lacks_is_not_shown(store: Store) -> None:
    for method in ("ft", "ga"):
        fake_run(store, method, 0, outputs=False)
    store_comparison(store)
    assert data_of(store.folder)["cells"][0]["comparisons"] == {}


# Examples


def outputs(rows: list[tuple[int, str, int, dict[str, list[float]]]]) -> RunExamples:
    """The outputs of a run from example id, split, label and the logits by model."""
    names = [column.name for column in OUTPUT_COLUMNS]
    entries = [dict(zip(names, row[:3], strict=False)) | row[3] for row in rows]
    return RunExamples.of(pa.Table.from_pylist(entries, schema=arrow_schema(OUTPUT_COLUMNS)))


def test_confusion_losses_and_answers_of_known_logits() -> None:
    sure, wrong, even = [20.0, 0.0], [0.0, 20.0], [0.0, 0.0]
    every = dict.fromkeys(("original", "unlearned", "oracle"))
    run = outputs(
        [
            (7, "forget", 0, {**every, "original": sure, "unlearned": wrong, "oracle": even}),
            (3, "forget", 1, {**every, "original": wrong, "unlearned": wrong, "oracle": sure}),
            (1, "retain", 0, dict.fromkeys(every, sure)),
            (2, "test", 1, dict.fromkeys(every, sure)),
        ]
    )
    found, forgotten = digest_outputs(run)
    assert (forgotten.ids.tolist(), forgotten.labels.tolist(), forgotten.total) == ([3, 7], [1, 0], 2)
    assert found["confusion"] == {"retain": [[0, 0, 1]], "forget": [[0, 1, 1], [1, 1, 1]], "test": [[1, 0, 1]]}
    assert found["said"] == {
        "original": [[1, 100.0], [0, 100.0]],
        "unlearned": [[1, 100.0], [1, 100.0]],
        "oracle": [[0, 100.0], [0, 50.0]],
    }
    counts = found["losses"]["forget"]["oracle"]
    bins = [next(b for b in range(len(counts)) if EDGES[b] <= loss < EDGES[b + 1]) for loss in (np.log(2), 20.0)]
    assert [b for b, n in enumerate(counts) for _ in range(n)] == bins
    assert found["losses"]["retain"]["oracle"][0] == 1  # below the first edge
    assert (found["classes"], found["missing"]) == (2, [])


def test_logits_that_are_not_finite_are_a_reason() -> None:
    good, bad = [1.0, 0.0], [float("nan"), 0.0]
    models = {"original": good, "unlearned": bad, "oracle": good}
    found, _ = digest_outputs(outputs([(n, split, 0, models) for n, split in enumerate(("retain", "forget", "test"))]))
    assert found["confusion"] == {} and set(found["said"]) == {"original", "oracle"}
    assert "unlearned, forget: some logits are not finite" in found["missing"]


def test_of_many_forgotten_images_a_stated_part_is_shown() -> None:
    models = {model: [1.0, 0.0] for model in ("original", "unlearned", "oracle")}
    _, forgotten = digest_outputs(outputs([(n, "forget", 0, models) for n in range(1000)]))
    assert len(forgotten.ids) == SHOWN and forgotten.total == 1000
    assert forgotten.ids[0] == 0 and forgotten.ids[-1] == 999


def test_runs_with_outputs_are_told_by_seed_and_others_say_that_there_are_none(store: Store) -> None:
    fake_run(store, "ft", 0)
    fake_run(store, "ft", 1, outputs=False)
    fake_run(store, "ga", 0, outputs=False)
    data = data_of(store.folder)
    by_label = dict(zip((r["label"] for r in data["cells"][0]["rows"]), data["cells"][0]["outputs"], strict=True))
    assert by_label["ft"]["runs"] == {"0": 0} and len(data["runs"]) == 1
    assert by_label["ga"] == {"runs": {}, "reason": "no per-example outputs are stored for its runs"}
    assert data["cells"][0]["forgotten"]["0"]["total"] == SIZES["forget"]


def test_damaged_outputs_are_a_reason_without_the_folder(store: Store) -> None:
    row = fake_run(store, "ft", 0)
    store.outputs_path(row).write_bytes(b"broken")
    text = json.dumps(data_of(store.folder))
    assert "not a Parquet file" in text and str(store.folder) not in text


# Images


@pytest.fixture(scope="module")
def digits() -> Dataset:
    card = registry.datasets()["digits"]
    return load_dataset(card, card.presets["cpu"], download=False)


def about(data: Dataset, **changes: str) -> dict[str, str]:
    return {"dataset": "digits", "preset": "cpu", "data_fingerprint": data.fingerprint} | changes


def test_thumbnails_are_the_images_with_these_ids(digits: Dataset) -> None:
    places = [5, 2]
    urls = Thumbnails().draw(about(digits), digits.train.ids[places])
    assert len(urls) == 2 and isinstance(urls, list)
    for url, place in zip(urls, places, strict=True):
        image = Image.open(BytesIO(base64.b64decode(url.removeprefix("data:image/png;base64,"))))
        assert np.array_equal(np.asarray(image), digits.train.pixels[place][0])
    assert Thumbnails().classes(about(digits)) == [str(n) for n in range(10)]


def test_thumbnails_stop_at_the_limit_and_say_so(digits: Dataset) -> None:
    one = Thumbnails().draw(about(digits), digits.train.ids[:1])
    exactly = Thumbnails(limit=len(one[0]))
    assert exactly.draw(about(digits), digits.train.ids[:1]) == one
    assert "limit" in exactly.draw(about(digits), digits.train.ids[:1])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"data_fingerprint": "other"}, "not those of these results"),
        ({"dataset": "mine"}, "no card"),
        ({"dataset": "aircraft"}, "not at hand"),
    ],
)
def test_thumbnails_that_cannot_be_drawn_say_why(digits: Dataset, changes: dict[str, str], reason: str) -> None:
    found = Thumbnails().draw(about(digits, **changes), digits.train.ids[:1])
    assert isinstance(found, str) and reason in found
    assert Thumbnails().classes(about(digits, **changes)) is None


def test_an_image_that_the_files_do_not_have_is_a_reason(digits: Dataset) -> None:
    found = Thumbnails().draw(about(digits), np.array([10**9]))
    assert isinstance(found, str) and "not all" in found
