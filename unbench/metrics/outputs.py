"""What every metric is a function of: labels and logits per example, as stored."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

Model = Literal[
    "original",
    "unlearned",
    "oracle",
    "oracle_2",
    "original_image",
    "original_memory",
    "unlearned_image",
    "unlearned_memory",
    "oracle_image",
    "oracle_memory",
]
MODELS: tuple[Model, ...] = get_args(Model)
"""Models of a run, and the pathways of memory models as models of their own (unbench.schema.PATHWAYS)."""

Split = Literal["retain", "forget", "val", "test"]


class MissingValue(Exception):  # noqa: N818 - a result, not a failure
    """A metric that cannot be computed from these outputs; the message is the reason stored in its place."""


@dataclass(frozen=True)
class Examples:
    """One split under one model: labels (N,) int64 and logits (N, K) float32, in the same order."""

    labels: NDArray[np.int64]
    logits: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.labels)

    def where(self, mask: NDArray[np.bool_]) -> Examples:
        """The examples for which `mask` (N,) is true."""
        return Examples(self.labels[mask], self.logits[mask])


@dataclass(frozen=True)
class RunOutputs:
    """The stored outputs of one run.

    Attributes:
        labels: int64 (N,) over all splits.
        splits: name of the split of each example, (N,).
        logits: per model, float32 (N, K); a model that the run does not have is absent.
        forget_class: the class that was forgotten, for the scenario `class`, else None.
    """

    labels: NDArray[np.int64]
    splits: NDArray[np.str_]
    logits: dict[Model, NDArray[np.float32]]
    forget_class: int | None = None

    def examples(self, model: Model, split: Split) -> Examples:
        """One split under one model; raises MissingValue if the run has no such outputs."""
        if model not in self.logits:
            raise MissingValue(f"the run stores no outputs of '{model}'")
        mask = self.splits == split
        if not mask.any():
            raise MissingValue(f"the run stores no '{split}' outputs")
        return Examples(self.labels[mask], self.logits[model][mask])

    def validated(self) -> RunOutputs:
        """The same with the validation set in the place of the test set, to choose hyper-parameters by.

        Raises:
            MissingValue: the run has no validation outputs.
        """
        if not (self.splits == "val").any():
            raise MissingValue("the run stores no 'val' outputs")
        keep = self.splits != "test"
        splits = np.where(self.splits[keep] == "val", "test", self.splits[keep])
        logits = {model: values[keep] for model, values in self.logits.items()}
        return replace(self, labels=self.labels[keep], splits=splits, logits=logits)

    @classmethod
    def from_table(cls, table: pa.Table, forget_class: int | None = None) -> RunOutputs:
        """Read the stored per-example outputs (unbench.schema.OUTPUT_COLUMNS)."""
        logits: dict[Model, NDArray[np.float32]] = {}
        for model in MODELS:
            column = table[model].combine_chunks()
            if column.null_count == 0 and len(column):
                logits[model] = np.asarray(column.flatten(), dtype=np.float32).reshape(len(column), -1)
        return cls(
            labels=np.asarray(table["label"], dtype=np.int64),
            splits=np.asarray(table["split"].to_pylist(), dtype=np.str_),
            logits=logits,
            forget_class=forget_class,
        )
