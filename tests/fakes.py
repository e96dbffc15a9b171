"""Runs made by hand: small random logits, and metrics computed from them as a run does."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa

from unbench.analysis.rows.labels import ROW
from unbench.config import registry
from unbench.config.seeds import digest
from unbench.metrics import RunOutputs
from unbench.metrics.estimates import measure
from unbench.store.metric_rows import MetricRow, with_metrics
from unbench.store.results import Store
from unbench.store.schema import COLUMNS, MEASURED, OUTPUT_COLUMNS
from unbench.store.tables import arrow_schema

SIZES = {"retain": 120, "forget": 40, "test": 80}
CLASSES = 4
KEEPS = {"none": 1.0, "retrain": 0.0, "ft": 0.6, "ga": 0.4, "munkey": 0.1}
"""How much of the original's memory of the forget set each method keeps, so that the rows differ."""


def fake_run(
    store: Store, method: str, seed: int = 0, outputs: bool = True, scenario: str = "random10", **changes: Any
) -> dict[str, Any]:
    """Write one run whose numbers follow from its outputs; `changes` overwrite columns of its row."""
    table = _outputs(method, seed)
    forget_class = 1 if scenario == "class" else None
    row: dict[str, Any] = {
        **dict.fromkeys((column.name for column in COLUMNS if column.name != "attempt"), None),
        "status": "ok",
        "warnings": "[]",
        "missing": "{}",
        "method": method,
        "method_version": registry.methods()[method].version if method in registry.methods() else 1,
        "method_family": {"munkey": "by-design", "none": "reference", "retrain": "reference"}.get(method, "post-hoc"),
        "dataset": "digits",
        "dataset_version": 1,
        "data_fingerprint": "feedbeef00112233",
        "data_checksum": "matches",
        "family": "natural",
        "scenario": scenario,
        "forget_class": "1: one" if forget_class is not None else None,
        "split_hash": "c0ffee",
        "n_train": SIZES["retain"] + SIZES["forget"],
        "n_forget": SIZES["forget"],
        "n_test": SIZES["test"],
        "model": "vit",
        "model_options": '{"width": 64}',
        "preset": "cpu",
        "training": '{"epochs": 30, "lr": 0.001}',
        "seed": seed,
        "hparams": "{}",
        "unlearn_seconds": {"none": 0.0, "munkey": 0.0004}.get(method, 1.5 + seed / 4),
        "train_seconds": 24.0 + seed,
        "oracle_seconds": 21.0 + seed,
        "peak_memory_mb": 12.5,
        "device": "cpu",
        "threads": 2,
        "python_version": "3.11.7",
        "torch_version": "2.9.1",
        "unbench_version": "0.1.0",
        "git_commit": "0123456789abcdef",
        "git_dirty": False,
        "started_at": "2026-01-01T00:00:00Z",
        "command": f"unbench run -m {method} -d digits --scenario {scenario} --seed {seed} --preset cpu",
        **changes,
    }
    ok = row["status"] == "ok"
    if not ok:
        row |= dict.fromkeys((*MEASURED, "unlearn_seconds", "peak_memory_mb"))
    changed = {MEASURED[column] for column in changes if column in MEASURED}
    metrics = [one for one in _metrics(method, seed, forget_class) if ok and one.key not in changed]
    row["run_key"] = row["run_key"] or digest({k: row[k] for k in (*ROW, "seed", "split_hash")})
    return store.write_run(row, table if outputs and ok else None, metrics=metrics)


@cache
def _metrics(method: str, seed: int, forget_class: int | None) -> list[MetricRow]:
    return measure(RunOutputs.from_table(_outputs(method, seed), forget_class))


def row_columns(outputs: RunOutputs) -> tuple[dict[str, float], dict[str, str]]:
    """Return the metric columns of a run's row that have a value, and for the others the reasons."""
    row = with_metrics({}, measure(outputs))
    values = {column: row[column] for column in MEASURED if row.get(column) is not None}
    return values, json.loads(row.get("missing", "{}"))


@cache
def _outputs(method: str, seed: int) -> pa.Table:
    splits = np.concatenate([np.full(size, split) for split, size in SIZES.items()])
    # A by-design method has an original and an oracle of its own.
    owner = 1 if method == "munkey" else 0
    rng = np.random.default_rng([seed, owner])
    labels = rng.integers(0, CLASSES, len(splits))
    if owner:
        labels = np.random.default_rng([seed, 0]).integers(0, CLASSES, len(splits))
    forget, seen = splits == "forget", splits != "test"
    difficulty = rng.normal(0, 1.3, len(splits))

    def logits(memory_of_forgotten: float, noise: float) -> np.ndarray:
        known = np.where(forget, memory_of_forgotten, seen)
        values = rng.normal(0, noise, (len(splits), CLASSES))
        values[np.arange(len(splits)), labels] += 2 + 2.5 * known + difficulty
        return values.astype(np.float32)

    original, oracle, oracle_2 = logits(1, 0.9), logits(0, 0.9), logits(0, 0.9)
    keeps = KEEPS.get(method, 0.5)
    unlearned = {"none": original, "retrain": oracle}.get(method)
    if unlearned is None:
        blend = keeps * original + (1 - keeps) * oracle
        unlearned = (blend + rng.normal(0, 0.5, blend.shape)).astype(np.float32)
    models = {"original": original, "unlearned": unlearned, "oracle": oracle, "oracle_2": oracle_2}
    columns = {
        "example_id": np.arange(len(splits)),
        "split": splits,
        "label": labels,
        **{name: list(values) for name, values in models.items()},
    }
    schema = arrow_schema(OUTPUT_COLUMNS)
    absent = pa.nulls(len(splits), schema.field("original").type)
    arrays = [pa.array(columns[f.name], f.type) if f.name in columns else absent for f in schema]
    return pa.Table.from_arrays(arrays, schema=schema)
