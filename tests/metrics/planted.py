"""Outputs of models that remember what they were trained on by a known amount, and ways to change such outputs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from unbench.metrics import METRICS, MissingValue, Model, RunOutputs
from unbench.metrics.registry import Number

SPLITS = ("retain", "forget", "val", "test")


def planted(
    sizes: Mapping[str, int], remembered: Mapping[Model, Mapping[str, float]], classes: int = 4, seed: int = 0
) -> RunOutputs:
    """Draw noise for each model, and add to the label's logit in the splits that the model remembers."""
    rng = np.random.default_rng(seed)
    splits = np.repeat(list(sizes), list(sizes.values()))
    labels = rng.integers(0, classes, len(splits))
    logits: dict[Model, np.ndarray] = {}
    for model, boosts in remembered.items():
        values = rng.normal(size=(len(splits), classes))
        values[np.arange(len(splits)), labels] += 1 + np.array([boosts.get(split, 0.0) for split in splits])
        logits[model] = values.astype(np.float32)
    return RunOutputs(labels, splits, logits)


def from_margins(margins: Mapping[Model, Mapping[str, list[float]]], forget_class: int | None = None) -> RunOutputs:
    """Build outputs of two classes, all of label 0: its logit is the margin, the other's 0. Scores rise with it."""
    (first, *_) = margins.values()
    splits = np.concatenate([[split] * len(values) for split, values in first.items()])
    logits: dict[Model, np.ndarray] = {}
    for model, by_split in margins.items():
        column = np.concatenate([np.asarray(values, dtype=np.float32) for values in by_split.values()])
        logits[model] = np.stack([column, np.zeros_like(column)], axis=1)
    return RunOutputs(np.zeros(len(splits), dtype=np.int64), splits, logits, forget_class)


def value(name: str, run: RunOutputs, model: Model = "unlearned") -> Number:
    return METRICS[name].function(run, model)


def outcome(name: str, run: RunOutputs, model: Model = "unlearned") -> Number | str:
    """Return the value, or the reason why there is none."""
    try:
        return value(name, run, model)
    except MissingValue as reason:
        return str(reason)


def taken(run: RunOutputs, rows: np.ndarray) -> RunOutputs:
    """Take these examples of a run, in this order."""
    logits = {model: values[rows] for model, values in run.logits.items()}
    return RunOutputs(run.labels[rows], run.splits[rows], logits, run.forget_class)


def relabelled(run: RunOutputs, order: np.ndarray) -> RunOutputs:
    """Rename class order[k] to k."""
    logits = {model: values[:, order] for model, values in run.logits.items()}
    forget_class = None if run.forget_class is None else int(np.argsort(order)[run.forget_class])
    return RunOutputs(np.argsort(order)[run.labels], run.splits, logits, forget_class)


def copies(run: RunOutputs, draw: int, splits: tuple[str, ...] = SPLITS) -> RunOutputs:
    """Write out the examples of one resample; splits that are not named stay as they are."""
    plain = []
    for split in SPLITS:
        rows = np.flatnonzero(run.splits == split)
        if len(rows) and split in splits:
            weights = run.examples("unlearned", split).weights
            assert weights is not None
            rows = np.repeat(rows, weights[draw].astype(int))
        plain.append(rows)
    return taken(run, np.concatenate(plain))
