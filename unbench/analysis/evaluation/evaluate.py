"""Compute the metrics that stored runs lack, without training or loading a model."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unbench.analysis.evaluation.cells import fill_cells
from unbench.analysis.evaluation.compute import RESAMPLES, Estimate, estimate
from unbench.analysis.evaluation.metric_table import MetricTable, forget_class, run_identity
from unbench.analysis.evaluation.summary import summarise
from unbench.analysis.rows.reruns import newest_reruns
from unbench.errors import UnknownNameError
from unbench.experiment.shadow_models.pool import ShadowPool
from unbench.experiment.shadow_models.reading import pool_of, references
from unbench.metrics import METRICS, Metric, MissingValue, Model, RunOutputs
from unbench.metrics.probed import ProbeOutputs
from unbench.metrics.shadows import References
from unbench.progress import Progress
from unbench.store.results import Store, load_metrics, load_outputs, load_results

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

NOT_PROBED = "the models were not asked; 'unbench run --probe' does that"


def evaluate(
    results: Path | str = "results",
    metrics: Sequence[str] = (),
    *,
    progress: Progress | None = None,
    log: Callable[[str], None] = lambda line: None,
) -> pd.DataFrame:
    """Compute what is missing or damaged and return all metrics of a results folder, as `unbench.load_metrics` does.

    Stored values stay unless their metric's definition has a newer version, or more shadow models exist now. Each run
    is written when it is done, so that an interrupted call goes on where it was. Means over seeds and comparisons of
    methods are written in RESULTS/summary; of what was run again with other versions they count the newest run alone.

    Args:
        results: a results folder.
        metrics: names; default all but the slow ones.
        progress: tells how far the work is.
        tell: is given a line about each run that cannot be evaluated, about runs that are not in the summary, and about
            attacks that would notice nothing.

    Raises:
        UnknownNameError: no such metric.
        StoreError: the folder is not there, or a row, outputs, probes or shadow models are corrupt.
    """
    for name in metrics:
        if name not in METRICS:
            raise UnknownNameError("metric", name, METRICS)
    chosen = [METRICS[name] for name in metrics] or [metric for metric in METRICS.values() if not metric.slow]
    store = Store(results)
    frame = load_results(results)
    store.evaluated()  # which sets damaged metrics aside, so that those that remain can be read together
    rows: list[dict[str, Any]] = json.loads(frame[frame["status"] == "ok"].to_json(orient="records"))
    shown = (progress or Progress()).named("evaluating")
    for row in shown.track(rows, "runs"):
        if not store.outputs_path(row).is_file():
            log(f"{row['method']} on {row['dataset']} (seed {row['seed']}): no per-example outputs are stored")
            continue
        _fill(store, row, [metric for metric in chosen if metric.needs != "shadows"])
    fill_cells(store, [metric for metric in chosen if metric.needs == "shadows"])
    evaluated, newest = load_metrics(results), newest_reruns(frame)
    if older := len(frame) - len(newest):
        log(f"{older} older run(s) of what was run again with other versions, data or training are not in the summary")
    for line in summarise(store, evaluated[evaluated["seed"].isna() | evaluated["run_key"].isin(newest["run_key"])]):
        log(line)
    return evaluated


def evaluate_run(store: Store, row: Mapping[str, Any]) -> None:
    """Compute what one stored run lacks of the metrics that are not slow and need no shadow models of its method.

    Raises:
        StoreError: its outputs are not there, or a file is corrupt.
    """
    _fill(store, row, [metric for metric in METRICS.values() if not metric.slow and metric.needs != "shadows"])


def _fill(store: Store, row: Mapping[str, Any], metrics: Iterable[Metric]) -> None:
    """Compute the metrics that one run lacks."""
    table, evidence = MetricTable(store, store.metrics_path(row), run_identity(row)), _Evidence(store, row)
    for metric in metrics:
        shadows = evidence.shadows if metric.needs == "references" else None
        for model in metric.models:
            # A run can be asked again with --probe, but that is another attempt, with a file of its own.
            if table.lacks(metric, model, shadows):
                table.add(metric, model, _estimate(metric, model, evidence), shadows)
    table.save()


@dataclass
class _Evidence:
    """What the metrics of one run are functions of, read when it is first asked for."""

    store: Store
    row: Mapping[str, Any]

    @cached_property
    def table(self) -> pa.Table:
        return load_outputs(self.store.folder, self.row)

    @cached_property
    def outputs(self) -> RunOutputs:
        return RunOutputs.from_table(self.table, forget_class(self.row))

    @cached_property
    def resampled(self) -> RunOutputs:
        return self.outputs.resampled(RESAMPLES)

    @cached_property
    def pool(self) -> ShadowPool | None:
        return pool_of(self.store.shadows, self.row)

    @cached_property
    def shadows(self) -> int | None:
        return len(self.pool.numbers()) if self.pool else None

    @cached_property
    def references(self) -> References | str:
        """The reason if there are none."""
        if self.pool is None:
            return "there are no shadow models; 'unbench shadow' trains them"
        try:
            return references(self.pool, self.table)
        except MissingValue as reason:
            return str(reason)

    @cached_property
    def probes(self) -> ProbeOutputs | str:
        """The reason if there are none."""
        found = self.store.read_probes(self.row)
        return ProbeOutputs(*found) if found else NOT_PROBED


def _estimate(metric: Metric, model: Model, evidence: _Evidence) -> Estimate:
    if metric.needs == "outputs":
        return estimate(
            metric, lambda: metric.of(evidence.outputs, model), lambda: metric.of(evidence.resampled, model)
        )
    known = evidence.references if metric.needs == "references" else evidence.probes
    if isinstance(known, str):
        return Estimate(None, missing=known)
    return estimate(
        metric,
        lambda: metric.function(evidence.outputs, model, known),
        lambda: metric.function(evidence.resampled, model, known),
    )
