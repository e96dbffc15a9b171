"""What the models of one run say of single examples, in the few numbers that a page shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from unbench.metrics import Examples, MissingValue, Model, RunOutputs
from unbench.metrics.attacks import cross_entropy
from unbench.metrics.outputs import Split

MODELS: tuple[Model, ...] = ("original", "unlearned", "oracle")
SPLITS: tuple[Split, ...] = ("retain", "forget", "test")
EDGES = tuple(float(f"{edge:.4g}") for edge in np.logspace(-5, 1.5, 27))
"""Of the bins of a loss, in nats. The first and last bin also hold what is below and above them."""
SHOWN = 48
"""Forgotten images of one run at most: more than a person looks at."""


@dataclass(frozen=True)
class Forgotten:
    """The forgotten images that are shown.

    Attributes:
        ids: int64 (M,): positions in the published training split.
        labels: int64 (M,).
        total: how many were forgotten.
    """

    ids: NDArray[np.int64]
    labels: NDArray[np.int64]
    total: int


def digest_outputs(table: pa.Table) -> tuple[dict[str, Any], Forgotten]:
    """Confusion matrices, histograms of losses and predictions for forgotten images of one run.

    Args:
        table: as unbench.load_outputs gives it.

    Returns:
        A dict of plain data and the forgotten images that its predictions are of. In the dict, `classes` is their
        number; `confusion` has for each split the counts above 0 of the unlearned model as [true, predicted, count];
        `losses` has for each split and model the count in each bin of EDGES; `said` has for each model a pair of
        predicted class and its probability in percent for each image; `missing` says why something is not there.
    """
    outputs = RunOutputs.from_table(table)
    mask = outputs.splits == "forget"
    ids, labels = np.asarray(table["example_id"])[mask], outputs.labels[mask]
    order = np.argsort(ids, kind="stable")
    chosen = order[_spread(len(order), SHOWN)]
    found: dict[str, Any] = {"classes": 0, "confusion": {}, "losses": {}, "said": {}, "missing": []}
    for split in SPLITS:
        for model in MODELS:
            try:
                examples = outputs.examples(model, split)
                losses = cross_entropy(examples)
            except MissingValue as reason:
                found["missing"].append(f"{model}, {split}: {reason}")
                continue
            found["classes"] = examples.logits.shape[1]
            found["losses"].setdefault(split, {})[model] = _histogram(losses)
            if model == "unlearned":
                found["confusion"][split] = _confusion(examples)
            if split == "forget":
                found["said"][model] = _said(examples, chosen)
    return found, Forgotten(ids[chosen], labels[chosen], len(ids))


def _spread(count: int, most: int) -> NDArray[np.int64]:
    """At most `most` positions out of `count`, evenly spaced."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.int64))


def _histogram(losses: NDArray[np.float64]) -> list[int]:
    return [int(n) for n in np.histogram(np.clip(losses, EDGES[0], EDGES[-1]), bins=EDGES)[0]]


def _confusion(examples: Examples) -> list[list[int]]:
    pairs = np.stack([examples.labels, examples.logits.argmax(axis=1)], axis=1)
    values, counts = np.unique(pairs, axis=0, return_counts=True)
    return [[int(true), int(said), int(n)] for (true, said), n in zip(values, counts, strict=True)]


def _said(examples: Examples, chosen: NDArray[np.int64]) -> list[list[float]]:
    probs = examples.probs[chosen]
    said = probs.argmax(axis=1)
    return [[int(k), round(100 * float(p[k]), 1)] for k, p in zip(said, probs, strict=True)]
