"""Pathway sensitivity: does a memory model answer from the image or from its memory?"""

from typing import cast

from unbench.metrics.accuracy import accuracy
from unbench.metrics.outputs import Model, RunOutputs, Split
from unbench.metrics.registry import Number, metric


def pathway_sensitivity(run: RunOutputs, model: Model, split: Split) -> Number:
    """Compute P_s of one model on one split, in points.

    Raises:
        MissingValue: the run stores no outputs of the pathways, or none on `split`.
    """
    image, memory = (accuracy(run.examples(cast(Model, f"{model}_{part}"), split)) for part in ("image", "memory"))
    return image - memory


@metric(unit="points", bounds=(-100, 100), ideal="none: at 0, image and memory weigh alike")
def pathway_sensitivity_val(run: RunOutputs, model: Model) -> Number:
    """Pathway sensitivity on validation

    Positive where the image says more, negative where the memory does; only for memory models.

    Formula: P_s = accuracy by the image pathway alone - accuracy by the memory pathway alone
    Source: MUNKEY, arXiv 2603.15033, contrasts the two accuracies to choose models and publishes no formula; the plain
        difference is ours
    """
    return pathway_sensitivity(run, model, "val")


@metric(like=pathway_sensitivity_val, ideal="equal to the oracle")
def pathway_sensitivity_forget(run: RunOutputs, model: Model) -> Number:
    """Pathway sensitivity on the forget set

    As pathway_sensitivity_val, on the images to forget: deletion should bring it to the oracle's value.
    """
    return pathway_sensitivity(run, model, "forget")
