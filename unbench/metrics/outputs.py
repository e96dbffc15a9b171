"""Stored outputs, of which every metric is a function: labels and logits per example."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

from unbench.config.seeds import derive_seed

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
"""Models of a run, and the pathways of memory models as models of their own (unbench.store.schema.PATHWAYS)."""

Split = Literal["retain", "forget", "val", "test"]

TRAINED_ON: tuple[Split, ...] = ("retain", "forget")

T = TypeVar("T")


class MissingValue(Exception):  # noqa: N818 - a result, not a failure
    """A metric that cannot be computed from these outputs; the message is the reason stored in its place."""


@dataclass(frozen=True)
class Examples:
    """One split under one model.

    Attributes:
        labels: int64 (N,).
        logits: float32 (N, K), in the same order.
        weights: how often each example was drawn in each of B bootstrap resamples, float32 (B, N); None for the
            examples as they are.
        plain: for resampled examples the same as they are, so that both share what does not depend on weights.
    """

    labels: NDArray[np.int64]
    logits: NDArray[np.float32]
    weights: NDArray[np.float32] | None = None
    plain: Examples | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def where(self, mask: NDArray[np.bool_]) -> Examples:
        """Return the examples for which `mask` (N,) is true."""
        weights = None if self.weights is None else self.weights[:, mask]
        return Examples(self.labels[mask], self.logits[mask], weights, self.plain and self.plain.where(mask))

    @cached_property
    def log_probs(self) -> NDArray[np.float64]:
        """Logarithms of the softmax, natural, float64 (N, K).

        Raises:
            MissingValue: a logit is NaN or infinite.
        """
        if self.plain is not None:
            return self.plain.log_probs
        if not np.isfinite(self.logits).all():
            raise MissingValue("some logits are not finite")
        logits = self.logits.astype(np.float64)
        logits -= logits.max(axis=1, keepdims=True)
        return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))

    @cached_property
    def probs(self) -> NDArray[np.float64]:
        """Softmax, float64 (N, K); raises MissingValue as `log_probs`."""
        return np.exp(self.log_probs) if self.plain is None else self.plain.probs


@dataclass(frozen=True)
class RunOutputs:
    """The stored outputs of one run.

    Attributes:
        labels: int64 (N,) over all splits.
        splits: name of the split of each example, (N,).
        logits: per model, float32 (N, K); a model that the run does not have is absent.
        forget_class: the class that was forgotten, for the scenario `class`, else None.
        resamples: B bootstrap resamples of the examples of each split; 0 for the examples as they are.
        plain: the outputs as they are: itself unless they are resampled.
    """

    labels: NDArray[np.int64]
    splits: NDArray[np.str_]
    logits: dict[Model, NDArray[np.float32]]
    forget_class: int | None = None
    resamples: int = 0
    _plain: RunOutputs | None = field(default=None, repr=False, compare=False)
    _examples: dict[tuple[Model, Split], Examples] = field(default_factory=dict, init=False, repr=False, compare=False)
    _weights: dict[Split, NDArray[np.float32]] = field(default_factory=dict, init=False, repr=False, compare=False)
    _memo: dict[Hashable, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def examples(self, model: Model, split: Split) -> Examples:
        """Return one split under one model; raises MissingValue if the run has no such outputs."""
        if (model, split) not in self._examples:
            if model not in self.logits:
                raise MissingValue(f"the run stores no outputs of '{model}'")
            if self._plain is not None:
                plain = self._plain.examples(model, split)
                drawn = self._drawn(split, len(plain))
                self._examples[model, split] = Examples(plain.labels, plain.logits, drawn, plain)
            else:
                mask = self.splits == split
                if not mask.any():
                    raise MissingValue(f"the run stores no '{split}' outputs")
                self._examples[model, split] = Examples(self.labels[mask], self.logits[model][mask])
        return self._examples[model, split]

    def remaining(self, model: Model, split: Split) -> Examples:
        """Return the examples of the classes that remain: the whole split, except in scenario `class`."""
        found = self.examples(model, split)
        return found if self.forget_class is None else found.where(found.labels != self.forget_class)

    def once(self, key: Hashable, compute: Callable[[], T]) -> T:
        """Return the result of `compute`, kept with these outputs under `key`, so that metrics can share their work."""
        if key not in self._memo:
            self._memo[key] = compute()
        kept: T = self._memo[key]
        return kept

    def resampled(self, times: int) -> RunOutputs:
        """Resample the examples, the same for all models and runs: metrics of the result are arrays (times,)."""
        return replace(self, resamples=times, _plain=self.plain)

    @property
    def plain(self) -> RunOutputs:
        """Outputs as they are, to share what does not depend on resampling."""
        return self if self._plain is None else self._plain

    def validated(self) -> RunOutputs:
        """Put the validation set in the place of the test set, to choose hyper-parameters by.

        Raises:
            MissingValue: the run has no validation outputs.
        """
        if self._plain is not None:
            made = replace(self, _plain=self._plain.validated())
            made._weights.update({split: drawn for split, drawn in self._weights.items() if split in TRAINED_ON})
            return made
        return self.once("validated", self._validated)

    def _validated(self) -> RunOutputs:
        if not (self.splits == "val").any():
            raise MissingValue("the run stores no 'val' outputs")
        keep = self.splits != "test"
        splits = np.where(self.splits[keep] == "val", "test", self.splits[keep])
        logits = {model: values[keep] for model, values in self.logits.items()}
        made = replace(self, labels=self.labels[keep], splits=splits, logits=logits)
        made._examples.update({key: kept for key, kept in self._examples.items() if key[1] in TRAINED_ON})
        return made

    @classmethod
    def from_table(cls, table: pa.Table, forget_class: int | None = None) -> RunOutputs:
        """Read the stored per-example outputs (unbench.store.schema.OUTPUT_COLUMNS)."""
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

    def _drawn(self, split: Split, count: int) -> NDArray[np.float32]:
        """Draw resamples of `count` examples with replacement, as counts (resamples, count)."""
        if split not in self._weights:
            rng = np.random.default_rng(derive_seed("bootstrap", split))
            drawn = np.empty((self.resamples, count), dtype=np.float32)
            for row in drawn:
                row[:] = np.bincount(rng.integers(0, count, count, dtype=np.int32), minlength=count)
            self._weights[split] = drawn
        return self._weights[split]
