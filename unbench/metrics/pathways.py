"""Pathway sensitivity: does a memory model answer from the image or from its memory?"""

from __future__ import annotations

from functools import partial
from typing import cast

from unbench.metrics.accuracy import accuracy
from unbench.metrics.outputs import Model, RunOutputs, Split
from unbench.metrics.registry import Number, metric

_sensitivity = partial(
    metric,
    formula="P_s = accuracy by the image pathway alone - accuracy by the memory pathway alone",
    unit="points",
    bounds=(-100, 100),
    source="MUNKEY, arXiv 2603.15033, contrasts the two accuracies to choose models and publishes no formula; the "
    "plain difference is ours",
)


def pathway_sensitivity(run: RunOutputs, model: Model, split: Split) -> Number:
    """Compute P_s of one model on one split, in points.

    Raises:
        MissingValue: the run stores no outputs of the pathways, or none on `split`.
    """
    image, memory = (accuracy(run.examples(cast(Model, f"{model}_{part}"), split)) for part in ("image", "memory"))
    return image - memory


_sensitivity(
    name="pathway_sensitivity_val",
    title="Pathway sensitivity on validation",
    definition="Positive where the image says more, negative where the memory does; only for memory models.",
    ideal="none: at 0, image and memory weigh alike",
)(lambda run, model: pathway_sensitivity(run, model, "val"))

_sensitivity(
    name="pathway_sensitivity_forget",
    title="Pathway sensitivity on the forget set",
    definition="As pathway_sensitivity_val, on the images to forget: deletion should bring it to the oracle's value.",
    ideal="equal to the oracle",
)(lambda run, model: pathway_sensitivity(run, model, "forget"))
