"""Metrics that stored runs lack, computed without training or loading a model."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from unbench.analysis.evaluation.summary import summarise
from unbench.analysis.rows.reruns import newest_reruns
from unbench.config.seeds import derive_seed
from unbench.errors import UnknownNameError
from unbench.experiment.measuring import fill
from unbench.experiment.shadow_models.pool import ShadowPool, UnlearnedShadows, pools
from unbench.experiment.shadow_models.reading import oracle_cell, shadow_outputs
from unbench.metrics import METRICS, Metric, MissingValue
from unbench.metrics.estimates import RESAMPLES, estimate
from unbench.metrics.shadows import ShadowOutputs
from unbench.progress import Progress
from unbench.store.metric_rows import MetricRow, MetricsFile
from unbench.store.results import Store, load_metrics, load_results
from unbench.store.schema import Row

if TYPE_CHECKING:
    import pandas as pd


def evaluate(
    results: Path | str = "results",
    metrics: Sequence[str] = (),
    *,
    progress: Progress | None = None,
    log: Callable[[str], None] = lambda line: None,
) -> pd.DataFrame:
    """Compute what is missing or damaged and return all metrics of a results folder, as `unbench.load_metrics` does.

    Stored values stay unless their metric's definition has a newer version, or more shadow models exist now. Metrics of
    a run's row are always brought up to date. Each run is written when it is done, so that an interrupted call resumes
    where it stopped. Means over seeds and comparisons of methods are written to RESULTS/summary; of runs that were
    repeated with other versions only the newest counts.

    Args:
        results: a results folder.
        metrics: names; default all but the slow ones.
        progress: shows how many runs are done.
        log: takes a line about each run that cannot be evaluated, about runs that are not in the summary, and about
            attacks that cannot tell doing nothing from retraining.

    Raises:
        UnknownNameError: no such metric.
        StoreError: the folder is not there, or a row, outputs, probes or shadow models are corrupt.
    """
    for name in metrics:
        if name not in METRICS:
            raise UnknownNameError("metric", name, METRICS)
    chosen = [METRICS[name] for name in metrics] or _fast()
    store = Store(results)
    store.evaluated({})  # sets damaged metrics aside, so that those that remain can be read together
    frame = load_results(results)
    rows: list[Row] = json.loads(frame[frame["status"] == "ok"].to_json(orient="records"))
    for row in (progress or Progress()).named("evaluating").track(rows, "runs"):
        if store.outputs_path(row).is_file():
            fill(store, row, [metric for metric in chosen if metric.needs != "shadows"])
        else:
            log(f"{row['method']} on {row['dataset']} (seed {row['seed']}): no per-example outputs are stored")
    for pool in pools(store.shadows):
        for cell in pool.cells():
            _fill_cell(store, pool, cell, [metric for metric in chosen if metric.needs == "shadows"])
    evaluated, newest = load_metrics(results), newest_reruns(frame)
    if older := len(frame) - len(newest):
        log(f"{older} older run(s) of what was run again with other versions, data or training are not in the summary")
    for line in summarise(store, evaluated[evaluated["seed"].isna() | evaluated["run_key"].isin(newest["run_key"])]):
        log(line)
    return evaluated


def evaluate_run(store: Store, row: Row) -> None:
    """Compute the metrics that one stored run lacks, but for slow ones and those of shadow models of its method.

    Raises:
        StoreError: its outputs are not there, or a file is corrupt.
    """
    fill(store, row, [metric for metric in _fast() if metric.needs != "shadows"])


def _fast() -> list[Metric]:
    return [metric for metric in METRICS.values() if not metric.slow]


def _fill_cell(store: Store, pool: ShadowPool, cell: UnlearnedShadows, metrics: Iterable[Metric]) -> None:
    """Compute the metrics that a method on a pool of shadow models lacks; they belong to no run."""
    about, of_pool, name = cell.about, pool.about, f"{pool.folder.name}-{cell.folder.name}"
    identity = {
        "run_key": name,
        "method": about["method"],
        "method_version": about["method_version"],
        "hparams": json.dumps(about["hparams"], sort_keys=True),
        "dataset": of_pool["dataset"],
        "scenario": about["scenario"],
        "preset": of_pool["preset"],
        "backbone": of_pool["settings"]["model"],
    }
    file = MetricsFile(store, store.metrics / f"shadows-{name}.parquet", identity)
    count = len(set(pool.numbers()) & set(cell.numbers()))
    lacking = [metric for metric in metrics if file.lacks(metric.name, "unlearned", metric.version, count)]
    if not lacking:
        return
    try:
        retrained = oracle_cell(pool, cell)
        if retrained is None:
            raise MissingValue("the shadow models were not retrained; 'unbench shadow' does that")
        outputs = shadow_outputs(pool, cell, retrained)
        found = [_estimate(metric, *outputs) for metric in lacking]
    except MissingValue as reason:
        found = [metric.row("unlearned", missing=str(reason)) for metric in lacking]
    for row in found:
        file.add(replace(row, shadows=count))
    file.save()


def _estimate(metric: Metric, method: ShadowOutputs, oracle: ShadowOutputs) -> MetricRow:
    return estimate(
        metric,
        "unlearned",
        lambda: metric.function(method, oracle),
        lambda: metric.function(_resampled(method), _resampled(oracle)),
    )


def _resampled(outputs: ShadowOutputs) -> ShadowOutputs:
    """Draw models with replacement, the same for all methods: examples under one model are not independent."""
    count = len(outputs)
    rng = np.random.default_rng(derive_seed("bootstrap", "shadow models"))
    weights = rng.multinomial(count, np.full(count, 1 / count), size=RESAMPLES)
    return replace(outputs, weights=weights.astype(np.float32))
