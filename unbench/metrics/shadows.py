"""Outputs of shadow models: models trained on random halves of a training set, so that who saw what is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from unbench.metrics.outputs import Split


@dataclass(frozen=True)
class ReferenceExamples:
    """One split of a run under S shadow models that nothing was unlearned from.

    Attributes:
        labels: int64 (N,), in the order of RunOutputs.examples.
        logits: float32 (S, N, K).
        seen: whether a model was trained on an example, (S, N).
    """

    labels: NDArray[np.int64]
    logits: NDArray[np.float32]
    seen: NDArray[np.bool_]


@dataclass(frozen=True)
class References:
    """The splits of a run under shadow models; those that never saw an example say how hard it is."""

    splits: dict[Split, ReferenceExamples]


@dataclass(frozen=True)
class ShadowOutputs:
    """M shadow models after a method made each forget what it had been trained on of a fixed set of T targets.

    Each model was trained on a random half of the training set and so on about half of the targets; those it forgot,
    the others it never saw. A method that forgets perfectly leaves no difference between the two.

    Attributes:
        labels: of the targets, int64 (T,).
        forgotten: whether a model was trained on a target and then forgot it, (M, T); else it never saw it.
        logits: of the targets after unlearning, float32 (M, T, K).
        before: of the targets before unlearning, float32 (M, T, K).
        test_labels: int64 (N,).
        test_logits: after unlearning, float32 (M, N, K).
        retain_acc: accuracy of each model on what it keeps, percent (M,).
        weights: how often each model was drawn in each of B bootstrap resamples, float32 (B, M); None for none.
    """

    labels: NDArray[np.int64]
    forgotten: NDArray[np.bool_]
    logits: NDArray[np.float32]
    before: NDArray[np.float32]
    test_labels: NDArray[np.int64]
    test_logits: NDArray[np.float32]
    retain_acc: NDArray[np.float64]
    weights: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.logits)


def scaled_confidence(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """phi = log p_y - log sum over the other classes of p_k, from logits (..., N, K) and labels (N,), (..., N).

    Nearly normal over models: Carlini et al., arXiv 2112.03570, Section IV-C. Finite wherever the logits are.

    >>> import numpy as np
    >>> float(scaled_confidence(np.array([[2.0, 0.0]], dtype=np.float32), np.array([0]))[0])
    2.0
    """
    logits = logits.astype(np.float64)
    own = np.arange(logits.shape[-1]) == labels[:, None]
    others = logsumexp(np.where(own, -np.inf, logits), axis=-1)
    return np.asarray(logits[..., np.arange(len(labels)), labels] - others)
