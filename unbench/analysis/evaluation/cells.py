"""Metrics that belong to a method on a data set rather than to one run: those of unlearned shadow models."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from unbench.experiment.shadow_models.pool import ShadowPool, UnlearnedShadows, pools
from unbench.experiment.shadow_models.reading import oracle_cell, shadow_outputs
from unbench.metrics import Metric, MissingValue
from unbench.metrics.estimates import RESAMPLES, estimate
from unbench.metrics.shadows import ShadowOutputs
from unbench.seeds import derive_seed
from unbench.store.metric_rows import MetricRow, MetricsFile
from unbench.store.results import Store


def fill_cells(store: Store, metrics: Iterable[Metric]) -> None:
    """Compute the metrics that each method on each pool of shadow models lacks."""
    wanted = list(metrics)
    for pool in pools(store.shadows):
        for cell in pool.cells():
            _fill(store, pool, cell, wanted)


def _fill(store: Store, pool: ShadowPool, cell: UnlearnedShadows, metrics: list[Metric]) -> None:
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
