"""What there is to choose from, as plain rows: behind `unbench list` and `unbench show`. No torch here."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from unbench.config import registry
from unbench.errors import SpecError, UnknownNameError
from unbench.scenarios import SCENARIOS

Row = dict[str, Any]

NEEDS = {
    "outputs": "the stored outputs of a run",
    "references": "the stored outputs of a run, and shadow models (unbench shadow)",
    "shadows": "shadow models that the method made forget (unbench shadow)",
    "probes": "the stored outputs of a run, and what its models were asked (unbench run --probe)",
}
"""What metrics are computed from (unbench.metrics.registry.Needs), for people."""


def list_methods() -> list[Row]:
    """Name, family, needs and title of every method."""
    return [
        {
            "name": card.name,
            "family": card.family,
            "needs": ", ".join(card.needs) or "nothing",
            "title": card.title,
        }
        for card in registry.methods().values()
    ]


def list_datasets() -> list[Row]:
    """Name, family, classes, published sizes and title of every data set."""
    return [
        {
            "name": card.name,
            "family": card.family,
            "classes": card.classes or "from the files",
            "train": card.sizes.get("train", "from the files"),
            "test": card.sizes.get("test", "from the files"),
            "title": card.title,
        }
        for card in registry.datasets().values()
    ]


def list_scenarios() -> list[Row]:
    """Name and meaning of every forget scenario."""
    return [{"name": s.name, "description": s.description} for s in SCENARIOS.values()]


def list_metrics() -> list[Row]:
    """Name, unit, ideal value and definition of every metric, the derived ones included."""
    from unbench.metrics import METRICS
    from unbench.store.schema import COLUMNS

    rows: list[Row] = [
        {"name": m.name, "unit": m.unit, "ideal": m.ideal, "definition": m.definition} for m in METRICS.values()
    ]
    meanings = {column.name: column.meaning for column in COLUMNS}
    derived = {
        "avg_gap_floor": ("points", "none: it is the measure's own noise"),
        "unlearn_seconds": ("seconds", "0"),
        "peak_memory_mb": ("MiB", "0"),
        "train_seconds": ("seconds", "none"),
        "oracle_seconds": ("seconds", "none"),
    }
    return rows + [
        {"name": name, "unit": unit, "ideal": ideal, "definition": meanings[name]}
        for name, (unit, ideal) in derived.items()
    ]


def list_runs(results: Path | str = "results") -> list[Row]:
    """Key, what was run, and the main numbers of every stored run."""
    from unbench.store.results import load_results

    columns = ["run_key", "status", "method", "dataset", "scenario", "preset", "seed", "hparams"]
    columns += ["test_acc", "retain_acc", "forget_acc", "mia_auroc", "avg_gap", "avg_gap_floor", "error"]
    frame = load_results(results)[columns]
    return [dict(row) for row in json.loads(frame.to_json(orient="records"))]


def show_method(name: str) -> Row:
    """The whole card of a method."""
    return registry.method(name).model_dump(mode="json")


def show_dataset(name: str) -> Row:
    """The whole card of a data set."""
    return registry.dataset(name).model_dump(mode="json")


def show_metric(name: str) -> Row:
    """The whole record of a metric."""
    from unbench.metrics import METRICS

    if name not in METRICS:
        raise UnknownNameError("metric", name, METRICS)
    record = METRICS[name]
    return {
        "name": record.name,
        "title": record.title,
        "definition": record.definition,
        "formula": record.formula,
        "unit": record.unit,
        "range": [_finite(bound) for bound in record.bounds],
        "ideal": record.ideal,
        "needs": NEEDS[record.needs],
        "models": list(record.models),
        "interval": "bootstrap over " + ("shadow models" if record.needs == "shadows" else "examples")
        if record.interval
        else "none",
        "source": record.source,
        "version": record.version,
    }


def show_run(key: str, results: Path | str = "results") -> Row:
    """The row whose run_key begins with `key`; raises SpecError if several do."""
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


def _finite(bound: float) -> float | str:
    return bound if math.isfinite(bound) else str(bound)
