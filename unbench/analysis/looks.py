"""What figures and the explorer take from the per-example outputs of one run, in few numbers."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unbench.analysis.outputs import Columns, RunExamples
from unbench.metrics.attacks import SCORES, attack, cross_entropy
from unbench.metrics.outputs import Examples, MissingValue, Model, Split

SETS: tuple[Split, ...] = ("forget", "retain", "test")

LOSS_EDGES = tuple(float(f"{edge:.4g}") for edge in np.logspace(-5, 1.5, 53))
"""Losses at which losses_look counts, in nats; what is above the last is in no count."""

MODELS: tuple[Model, ...] = ("original", "unlearned", "oracle")
SPLITS: tuple[Split, ...] = ("retain", "forget", "test")
EDGES = tuple(float(f"{edge:.4g}") for edge in np.logspace(-5, 1.5, 27))
"""Edges of the bins of digest_outputs, in nats. The first and last bin also hold what is below and above them."""
SHOWN = 48
"""ForgottenImages images of one run that a digest holds at most: more than a person looks at."""


def roc_look(run: RunExamples, model: Model) -> Columns:
    """Return the corners of one curve: auroc (percent), fpr, tpr; exact, so that the area under them is the auroc."""
    curve = attack(run.outputs, model, SCORES["loss"])
    return {"auroc": np.full(len(curve.fpr), 100 * curve.area()), "fpr": curve.fpr, "tpr": curve.tpr}


def losses_look(run: RunExamples, model: Model) -> Columns:
    """Count the images whose loss is at most each edge: set, loss (nats), count, images."""
    counts, images = [], []
    for split in SETS:
        losses = np.sort(cross_entropy(run.outputs.examples(model, split)))
        counts.append(np.searchsorted(losses, LOSS_EDGES, side="right"))
        images.append(np.full(len(LOSS_EDGES), len(losses)))
    return {
        "set": np.repeat(np.array(SETS, dtype=object), len(LOSS_EDGES)),
        "loss": np.tile(LOSS_EDGES, len(SETS)),
        "count": np.concatenate(counts),
        "images": np.concatenate(images),
    }


def confidence_look(run: RunExamples, model: Model) -> Columns:
    """Return one row per forgotten image: example_id, probability (of its true label, 0 to 1)."""
    forgotten = run.outputs.examples(model, "forget")
    ids = run.ids[run.outputs.splits == "forget"]
    return {"example_id": ids, "probability": np.exp(-cross_entropy(forgotten))}


@dataclass(frozen=True)
class ForgottenImages:
    """The forgotten images that a digest holds.

    Attributes:
        ids: int64 (M,): positions in the published training split.
        labels: int64 (M,).
        total: how many were forgotten.
    """

    ids: NDArray[np.int64]
    labels: NDArray[np.int64]
    total: int


def digest_outputs(run: RunExamples) -> tuple[dict[str, Any], ForgottenImages]:
    """Return confusion matrices, histograms of losses and predictions for forgotten images of one run.

    Returns:
        A dict of plain data and the forgotten images that its predictions are for. In the dict, `classes` is their
        number; `confusion` has for each split the counts above 0 of the unlearned model as [true, predicted, count];
        `losses` has for each split and model the count in each bin of EDGES; `said` has for each model a pair of
        predicted class and its probability in percent for each image; `missing` gives the reasons for what is absent.
    """
    outputs = run.outputs
    mask = outputs.splits == "forget"
    ids, labels = run.ids[mask], outputs.labels[mask]
    order = np.argsort(ids, kind="stable")
    chosen = order[evenly_spaced(len(order), SHOWN)]
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
                found["said"][model] = _predictions(examples, chosen)
    return found, ForgottenImages(ids[chosen], labels[chosen], len(ids))


def evenly_spaced(count: int, most: int) -> NDArray[np.int64]:
    """Return at most `most` positions out of `count`, evenly spaced."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.int64))


def _histogram(losses: NDArray[np.float64]) -> list[int]:
    return [int(n) for n in np.histogram(np.clip(losses, EDGES[0], EDGES[-1]), bins=EDGES)[0]]


def _confusion(examples: Examples) -> list[list[int]]:
    pairs = np.stack([examples.labels, examples.logits.argmax(axis=1)], axis=1)
    values, counts = np.unique(pairs, axis=0, return_counts=True)
    return [[int(true), int(predicted), int(n)] for (true, predicted), n in zip(values, counts, strict=True)]


def _predictions(examples: Examples, chosen: NDArray[np.int64]) -> list[list[float]]:
    probs = examples.probs[chosen]
    predicted = probs.argmax(axis=1)
    return [[int(k), round(100 * float(p[k]), 1)] for k, p in zip(predicted, probs, strict=True)]
