"""What there is to choose from, as plain rows: behind `unbench list` and `unbench show`. No torch here."""

import json
import math
from pathlib import Path

from unbench.config import registry
from unbench.config.tuned import TunedValues
from unbench.errors import SpecError, UnknownNameError
from unbench.scenarios import SCENARIOS
from unbench.store.schema import Row

NEEDS = {
    "outputs": "the stored outputs of a run",
    "references": "the stored outputs of a run, and shadow models (unbench shadow)",
    "shadows": "shadow models that the method made forget (unbench shadow)",
    "probes": "the stored outputs of a run, and what its models were asked (unbench run --probe)",
}
"""What metrics are computed from (unbench.metrics.registry.Needs), for people."""

DERIVED = {
    "avg_gap_floor": ("points", "none: it is the measure's own noise"),
    "unlearn_seconds": ("seconds", "0"),
    "peak_memory_mb": ("MiB", "0"),
    "train_seconds": ("seconds", "none"),
    "oracle_seconds": ("seconds", "none"),
}
"""Numbers of a run that are not metrics of its outputs: unit and ideal value."""

OF_A_RUN = (
    *("run_key", "status", "method", "dataset", "scenario", "preset", "seed", "hparams"),
    *("test_acc", "retain_acc", "forget_acc", "mia_auroc", "avg_gap", "avg_gap_floor", "error"),
)
"""Columns that `list_runs` shows."""

OF_A_METRIC = (
    *("name", "title", "definition", "formula", "unit", "range", "ideal"),
    *("needs", "models", "interval", "source", "version"),
)
"""Parts of a metric's record that `show_metric` shows."""


def list_methods() -> list[Row]:
    """Return name, family, needs and title of every method."""
    return [
        {"name": card.name, "family": card.family, "needs": ", ".join(card.needs) or "nothing", "title": card.title}
        for card in registry.methods().values()
    ]


def list_datasets() -> list[Row]:
    """Return name, family, classes, published sizes and title of every data set."""
    unknown = "from the files"
    return [
        {
            "name": card.name,
            "family": card.family,
            "classes": card.classes or unknown,
            "train": card.sizes.get("train", unknown),
            "test": card.sizes.get("test", unknown),
            "title": card.title,
        }
        for card in registry.datasets().values()
    ]


def list_scenarios() -> list[Row]:
    """Return name and meaning of every forget scenario."""
    return [{"name": s.name, "description": s.description} for s in SCENARIOS.values()]


def list_metrics() -> list[Row]:
    """Return name, unit, ideal value and definition of every metric and of the numbers in DERIVED."""
    from unbench.metrics import METRICS
    from unbench.store.schema import COLUMNS

    meanings = {column.name: column.meaning for column in COLUMNS}
    metrics = [(m.name, m.unit, m.ideal, m.definition) for m in METRICS.values()]
    derived = [(name, unit, ideal, meanings[name]) for name, (unit, ideal) in DERIVED.items()]
    return [dict(zip(("name", "unit", "ideal", "definition"), row, strict=True)) for row in (*metrics, *derived)]


def list_runs(results: Path | str = "results") -> list[Row]:
    """Return key, request and main numbers of every stored run."""
    from unbench.store.results import load_results

    rows: list[Row] = json.loads(load_results(results)[list(OF_A_RUN)].to_json(orient="records"))
    return rows


def show_method(name: str, results: Path | str | None = None) -> Row:
    """Return the whole card of a method, and under `tuned` what tuning chose, by DATASET.PRESET.SCENARIO.

    Args:
        name: of the method.
        results: results folder whose tuned values come before the shipped ones.
    """
    card, tuned = registry.method(name), TunedValues.of(results).of_method(name)
    chosen = {".".join(place[1:]): value.model_dump(mode="json") for place, value in tuned.items()}
    return {**card.model_dump(mode="json"), "tuned": chosen}


def show_dataset(name: str) -> Row:
    """Return the whole card of a data set."""
    return registry.dataset(name).model_dump(mode="json")


def show_metric(name: str) -> Row:
    """Return the whole record of a metric."""
    from unbench.metrics import METRICS

    if name not in METRICS:
        raise UnknownNameError("metric", name, METRICS)
    record = METRICS[name]
    resampled = "shadow models" if record.needs == "shadows" else "examples"
    shown = {
        **vars(record),
        "range": [bound if math.isfinite(bound) else str(bound) for bound in record.bounds],
        "needs": NEEDS[record.needs],
        "models": list(record.models),
        "interval": f"bootstrap over {resampled}" if record.interval else "none",
    }
    return {name: shown[name] for name in OF_A_METRIC}


def show_run(key: str, results: Path | str = "results") -> Row:
    """Return the row whose run_key begins with `key`; raise SpecError if none or several do."""
    from unbench.store.results import Store, decode_json, load_results

    frame = load_results(results)
    found = frame[frame["run_key"].str.startswith(key)]
    if found.empty:
        raise UnknownNameError("run", key, frame["run_key"])
    if len(found) > 1:
        raise SpecError(f"{len(found)} runs begin with '{key}': {', '.join(found['run_key'])}")
    row = decode_json(json.loads(found.iloc[0].to_json()))
    outputs = Store(results).outputs_path(row)
    return {**row, "outputs": str(outputs) if outputs.is_file() else None}
