"""Metrics that belong to a method on a data set rather than to one run: those of unlearned shadow models."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from unbench.analysis.evaluation.compute import RESAMPLES, Estimate, estimate
from unbench.analysis.evaluation.metric_table import MetricTable
from unbench.experiment.shadow_models.pool import ShadowPool, UnlearnedShadows, pools
from unbench.experiment.shadow_models.reading import oracle_cell, shadow_outputs
from unbench.metrics import Metric, MissingValue
from unbench.metrics.shadows import ShadowOutputs
from unbench.seeds import derive_seed
from unbench.store.results import Store


def fill_cells(store: Store, metrics: Iterable[Metric]) -> None:
    """Compute the metrics that each method on each pool lacks."""
    wanted = list(metrics)
    for pool in pools(store.shadows):
        for cell in pool.cells():
            _fill(store, pool, cell, wanted)


def _fill(store: Store, pool: ShadowPool, cell: UnlearnedShadows, metrics: list[Metric]) -> None:
    about, of_pool = cell.about, pool.about
    identity = {
        "run_key": f"{pool.folder.name}-{cell.folder.name}",
        "attempt": None,
        "method": about["method"],
        "method_version": about["method_version"],
        "hparams": json.dumps(about["hparams"], sort_keys=True),
        "dataset": of_pool["dataset"],
        "scenario": about["scenario"],
        "preset": of_pool["preset"],
        "backbone": of_pool["settings"]["model"],
        "seed": None,
    }
    path = store.metrics / f"shadows-{pool.folder.name}-{cell.folder.name}.parquet"
    table = MetricTable(store, path, identity)
    count = len(set(pool.numbers()) & set(cell.numbers()))
    todo = [metric for metric in metrics if table.lacks(metric, "unlearned", count)]
    if not todo:
        return
    retrained = oracle_cell(pool, cell)
    try:
        if retrained is None:
            raise MissingValue("the shadow models were not retrained; 'unbench shadow' does that")
        outputs: tuple[ShadowOutputs, ShadowOutputs] | str = shadow_outputs(pool, cell, retrained)
    except MissingValue as reason:
        outputs = str(reason)
    for metric in todo:
        found = Estimate(None, missing=outputs) if isinstance(outputs, str) else _estimate(metric, *outputs)
        table.add(metric, "unlearned", found, count)
    table.save()


def _estimate(metric: Metric, method: ShadowOutputs, oracle: ShadowOutputs) -> Estimate:
    return estimate(
        metric,
        lambda: metric.function(method, oracle),
        lambda: metric.function(_resampled(method), _resampled(oracle)),
    )


def _resampled(outputs: ShadowOutputs) -> ShadowOutputs:
    """With models drawn anew, the same for all methods: examples under one model are not independent."""
    count = len(outputs)
    rng = np.random.default_rng(derive_seed("bootstrap", "shadow models"))
    weights = rng.multinomial(count, np.full(count, 1 / count), size=RESAMPLES)
    return replace(outputs, weights=weights.astype(np.float32))
