"""Pathway sensitivity: does a memory model answer from the image or from its memory?"""

from __future__ import annotations

from typing import Literal, cast

from unbench.metrics.accuracy import accuracy
from unbench.metrics.outputs import Model, RunOutputs


def pathway_sensitivity(
    run: RunOutputs, model: Literal["original", "unlearned", "oracle"], split: Literal["val", "forget"]
) -> float:
    """P_s = accuracy of the image pathway alone - accuracy of the memory pathway alone, in points, -100 to 100.

    Positive: the image says more; negative: the memory does. MUNKEY (arXiv 2603.15033) contrasts the two accuracies
    on validation to choose models and publishes no formula; the plain difference is ours. On the forget set, deletion
    should bring it to the oracle's.

    Raises:
        MissingValue: the run stores no outputs of the pathways, or none on `split`.
    """
    image, memory = (accuracy(run.examples(cast(Model, f"{model}_{part}"), split)) for part in ("image", "memory"))
    return image - memory
