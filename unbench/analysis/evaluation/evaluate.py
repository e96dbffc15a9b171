"""Metrics that stored runs lack, computed without training or loading a model."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from unbench.analysis.evaluation.cells import fill_cells
from unbench.analysis.evaluation.summary import summarise
from unbench.analysis.rows.reruns import newest_reruns
from unbench.errors import UnknownNameError
from unbench.experiment.measuring import forget_class
from unbench.experiment.shadow_models.pool import Pool
from unbench.experiment.shadow_models.reading import pool_of, references
from unbench.metrics import METRICS, Metric, MissingValue, Model, RunOutputs
from unbench.metrics.estimates import Estimate, estimate_of_run, row_metrics
from unbench.metrics.probed import ProbeOutputs
from unbench.metrics.shadows import References
from unbench.progress import Progress
from unbench.store.metric_rows import MetricsFile, identity_of
from unbench.store.results import Store, load_metrics, load_outputs, load_results
from unbench.store.schema import Row

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
            _fill(store, row, [metric for metric in chosen if metric.needs != "shadows"])
        else:
            log(f"{row['method']} on {row['dataset']} (seed {row['seed']}): no per-example outputs are stored")
    fill_cells(store, [metric for metric in chosen if metric.needs == "shadows"])
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
    _fill(store, row, [metric for metric in _fast() if metric.needs != "shadows"])


def _fast() -> list[Metric]:
    return [metric for metric in METRICS.values() if not metric.slow]


def _fill(store: Store, row: Row, metrics: Iterable[Metric]) -> None:
    """Compute which of these metrics, and of those that its row has columns for, one run lacks."""
    file, evidence = MetricsFile(store, store.metrics_path(row), identity_of(row)), _Evidence(store, row)
    pairs = dict.fromkeys([*row_metrics(), *((metric, model) for metric in metrics for model in metric.models)])
    if any(evidence.lacks(file, *pair) for pair in pairs):  # else the outputs need not be read
        for metric, model in pairs | dict.fromkeys(row_metrics(evidence.outputs)):
            if evidence.lacks(file, metric, model):
                file.add(evidence.estimate(metric, model).row(metric, model, evidence.shadows_for(metric)))
        file.save()


@dataclass
class _Evidence:
    """What the metrics of one run are computed from, read when it is first needed."""

    store: Store
    row: Row

    @cached_property
    def table(self) -> pa.Table:
        return load_outputs(self.store.folder, self.row)

    @cached_property
    def outputs(self) -> RunOutputs:
        return RunOutputs.from_table(self.table, forget_class(self.row))

    @cached_property
    def pool(self) -> Pool | None:
        return pool_of(self.store.shadows, self.row)

    @cached_property
    def shadows(self) -> int | None:
        return len(self.pool.numbers()) if self.pool else None

    @cached_property
    def references(self) -> References | str:
        """Outputs of models trained on random halves, or the reason why there are none."""
        if self.pool is None:
            return "there are no shadow models; 'unbench shadow' trains them"
        try:
            return references(self.pool, self.table)
        except MissingValue as reason:
            return str(reason)

    @cached_property
    def probes(self) -> ProbeOutputs | str:
        """Answers of the models to probes, or the reason why there are none."""
        found = self.store.read_probes(self.row)
        return ProbeOutputs(*found) if found else NOT_PROBED

    def shadows_for(self, metric: Metric) -> int | None:
        """Return the number of shadow models that a metric is computed from, None if it needs none."""
        return self.shadows if metric.needs == "references" else None

    def lacks(self, file: MetricsFile, metric: Metric, model: Model) -> bool:
        # A run can be repeated with --probe, but that is another attempt, with a file of its own.
        return file.lacks(metric.name, model, metric.version, self.shadows_for(metric))

    def estimate(self, metric: Metric, model: Model) -> Estimate:
        """Compute a metric, or return the reason why it is missing."""
        if metric.needs == "outputs":
            return estimate_of_run(metric, self.outputs, model)
        known = self.references if metric.needs == "references" else self.probes
        if isinstance(known, str):
            return Estimate(None, missing=known)
        return estimate_of_run(metric, self.outputs, model, known)
