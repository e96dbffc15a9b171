"""From pools on disk to the arguments of metrics."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from unbench.config.reference_names import ORACLE
from unbench.experiment.shadow_models.pool import NumberedOutputs, ShadowPool, UnlearnedShadows, pools
from unbench.metrics.outputs import MissingValue, Split
from unbench.metrics.shadows import ReferenceExamples, References, ShadowOutputs
from unbench.store.arrays import Arrays

if TYPE_CHECKING:
    import pyarrow as pa


def pool_of(shadows: Path, row: Mapping[str, Any]) -> ShadowPool | None:
    """Return the pool whose models were trained as the original of a run, on halves of its data; None if absent."""
    own = [row["method"], row["method_version"], json.loads(row["hparams"])]
    wanted = {
        "dataset": row["dataset"],
        "dataset_version": row["dataset_version"],
        "data_fingerprint": row["data_fingerprint"],
        "preset": row["preset"],
        "trainer": own if row["method_family"] == "by-design" else ["standard"],
        "model": row["model"],
        "model_options": json.loads(row["model_options"]),
        "training": json.loads(row["training"]),
    }
    found = ((pool, pool.about) for pool in pools(shadows))
    return next((pool for pool, about in found if wanted.items() <= {**about["settings"], **about}.items()), None)


def references(pool: ShadowPool, outputs: pa.Table) -> References:
    """Return every image of a run's outputs under the models of a pool.

    Raises:
        MissingValue: the pool has no models, or the images are not the run's.
    """
    numbers = pool.numbers()
    if not numbers:
        raise MissingValue("the pool has no shadow models")
    models, examples = _models(pool.folder, tuple(numbers)), pool.examples()
    parts, ids = np.asarray(outputs["split"].to_pylist()), np.asarray(outputs["example_id"])
    labels = np.asarray(outputs["label"])
    splits: dict[Split, ReferenceExamples] = {}
    sources: dict[Split, str] = {"retain": "train", "forget": "train", "val": "val", "test": "test"}
    for split, source in sources.items():
        mask = parts == split
        rows = _rows(examples[f"ids/{source}"], ids[mask])
        if not np.array_equal(examples[f"labels/{source}"][rows], labels[mask]):
            raise MissingValue("the shadow models were trained on other labels")
        logits = models[source].take(rows, axis=1)
        seen = models["half"].take(rows, axis=1) if source == "train" else np.zeros(logits.shape[:2], dtype=np.bool_)
        splits[split] = ReferenceExamples(labels[mask], logits, seen)
    return References(splits)


def shadow_outputs(
    pool: ShadowPool, cell: UnlearnedShadows, oracle: UnlearnedShadows
) -> tuple[ShadowOutputs, ShadowOutputs]:
    """Return the outputs of a cell and of the cell of retraining, for the models that both have.

    Raises:
        MissingValue: there are none.
    """
    numbers = sorted(set(pool.numbers()) & set(cell.numbers()) & set(oracle.numbers()))
    if not numbers:
        raise MissingValue("no shadow model has been both unlearned from and retrained")
    examples, models = pool.examples(), _models(pool.folder, tuple(numbers))
    after, retrained = _stacked(cell, numbers), _stacked(oracle, numbers)
    forgotten = after["forgotten"]
    if not np.array_equal(forgotten, retrained["forgotten"]):
        raise MissingValue("the models were retrained without other images than were unlearned")
    labels = examples["labels/train"]
    targets = np.flatnonzero(forgotten.any(axis=0))
    before, kept = models["train"].take(targets, axis=1), models["half"] & ~forgotten

    def outputs(found: Arrays) -> ShadowOutputs:
        right = found["train"].argmax(axis=2) == labels
        return ShadowOutputs(
            labels=labels[targets],
            forgotten=forgotten[:, targets],
            logits=found["train"].take(targets, axis=1),
            before=before,
            test_labels=examples["labels/test"],
            test_logits=found["test"],
            retain_acc=100 * (right & kept).sum(axis=1) / kept.sum(axis=1),
        )

    return outputs(after), outputs(retrained)


def oracle_cell(pool: ShadowPool, cell: UnlearnedShadows) -> UnlearnedShadows | None:
    """Return the cell of retraining in the scenario of another cell; None if absent."""
    scenario = cell.about["scenario"]
    found = (other for other in pool.cells() if (other.about["method"], other.about["scenario"]) == (ORACLE, scenario))
    return next(found, None)


@lru_cache(maxsize=1)
def _models(folder: Path, numbers: tuple[int, ...]) -> Arrays:
    """Return the outputs of a pool's models, read once for many runs, since a stored one never changes."""
    return _stacked(ShadowPool(folder), numbers)


def _stacked(part: NumberedOutputs, numbers: Sequence[int]) -> Arrays:
    """Return the arrays of numbered models by name, the models on the first axis."""
    models = [part.read(number) for number in numbers]
    return {name: np.stack([model[name] for model in models]) for name in models[0]}


def _rows(known: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    import pandas as pd

    rows = pd.Index(known).get_indexer(pd.Index(wanted))
    if (rows < 0).any():
        raise MissingValue("the shadow models were trained on other images")
    return rows
