"""Outputs of shadow models: models trained on random halves of a training set, so that it is known who saw what."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from unbench.config.seeds import derive_seed
from unbench.metrics.outputs import MissingValue, Split


@dataclass(frozen=True)
class ReferenceExamples:
    """One split of a run under S shadow models before any unlearning.

    Attributes:
        labels: int64 (N,), in the order of RunOutputs.examples.
        logits: float32 (S, N, K).
        seen: whether a model was trained on an example, (S, N).
    """

    labels: NDArray[np.int64]
    logits: NDArray[np.float32]
    seen: NDArray[np.bool_]

    @cached_property
    def log_p(self) -> NDArray[np.float64]:
        """Natural logarithm of the softmax at the label, float64 (S, N).

        Raises:
            MissingValue: a logit is NaN or infinite.
        """
        rows = np.arange(len(self.labels))
        values = np.empty(self.seen.shape)
        for number, logits in enumerate(self.logits):  # one model at a time: all in float64 may not fit into memory
            _check_finite(logits)
            wide = logits.astype(np.float64)
            values[number] = wide[rows, self.labels] - logsumexp(wide, axis=1)
        return values


@dataclass(frozen=True, eq=False)  # hashed by identity, to share work on the same models
class References:
    """Splits of a run under shadow models; models that never saw an example show how hard it is."""

    splits: dict[Split, ReferenceExamples]

    def of(self, split: Split, labels: NDArray[np.int64]) -> ReferenceExamples:
        """Return one split, whose labels must be the run's (N,).

        Raises:
            MissingValue: there is no such split, or its examples are not those of the run.
        """
        if split not in self.splits:
            raise MissingValue(f"the shadow models have no '{split}' outputs")
        found = self.splits[split]
        if not np.array_equal(found.labels, labels):
            raise MissingValue(f"the '{split}' outputs of the shadow models are of other examples")
        return found

    def out(self, split: Split) -> NDArray[np.bool_]:
        """Return which models judge each example of a split, (S, N): only OUT models, never trained on it.

        A training image has its own OUT models. No model was trained on images of val and test, and yet not all models
        judge them: each such image takes the OUT models of a forget image that is drawn for it. The logarithm of a mean
        over few models lies below that over many, so with unequal numbers forgotten images would look familiar to a
        model that saw neither them nor the test images.

        Raises:
            MissingValue: there is no such split, it is empty, or an image was seen by every model.
        """
        like: Split = split if split in ("forget", "retain") else "forget"
        for needed in (split, like):
            if needed not in self.splits or not self.splits[needed].labels.size:
                raise MissingValue(f"the shadow models have no '{needed}' outputs")
        own = ~self.splits[like].seen
        if not own.any(axis=0).all():
            raise MissingValue(f"some '{like}' image was seen by every shadow model: more models are needed")
        if like == split:
            return own
        rng = np.random.default_rng(derive_seed("out models", split))
        return own[:, rng.integers(0, own.shape[1], len(self.splits[split].labels))]


@dataclass(frozen=True)
class ShadowOutputs:
    """M shadow models after a method made each of them forget the targets, out of T, that it was trained on.

    Each model was trained on a random half of the training set and so on about half of the targets. It forgot these and
    never saw the others. A method that forgets perfectly leaves no difference between the two.

    Attributes:
        labels: of the targets, int64 (T,).
        forgotten: True where a model was trained on a target and then forgot it, False where it never saw it, (M, T).
        logits: of the targets after unlearning, float32 (M, T, K).
        before: of the targets before unlearning, float32 (M, T, K).
        test_labels: int64 (N,).
        test_logits: after unlearning, float32 (M, N, K).
        retain_acc: accuracy of each model on the images that it keeps, percent (M,).
        weights: how often each model was drawn in each of B bootstrap resamples, float32 (B, M); None without them.
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

    @cached_property
    def phi(self) -> NDArray[np.float64]:
        """Scaled confidence of the targets after unlearning, float64 (M, T).

        Raises:
            MissingValue: a logit is NaN or infinite, or there is only one class.
        """
        if self.logits.shape[-1] < 2:
            raise MissingValue("confidences need at least two classes")
        values = np.empty(self.forgotten.shape)
        for number, logits in enumerate(self.logits):
            _check_finite(logits)
            values[number] = scaled_confidence(logits, self.labels)
        return values

    def targets(self, least: int) -> NDArray[np.bool_]:
        """Return which targets at least `least` models forgot and at least `least` never saw, (T,).

        Raises:
            MissingValue: there are none.
        """
        enough = np.minimum(self.forgotten.sum(axis=0), (~self.forgotten).sum(axis=0)) >= least
        if not enough.any():
            raise MissingValue(f"no target was forgotten by {least} shadow models and never seen by {least} others")
        return np.asarray(enough)


def scaled_confidence(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Compute phi = log p_y - log sum over the other classes of p_k, from logits (..., N, K) and labels (N,), (..., N).

    It is nearly normal over models: Carlini et al., arXiv 2112.03570, Section IV-C. Finite wherever the logits are.

    >>> import numpy as np
    >>> float(scaled_confidence(np.array([[2.0, 0.0]], dtype=np.float32), np.array([0]))[0])
    2.0
    """
    logits = logits.astype(np.float64)
    own = np.arange(logits.shape[-1]) == labels[:, None]
    others = logsumexp(np.where(own, -np.inf, logits), axis=-1)
    return np.asarray(logits[..., np.arange(len(labels)), labels] - others)


def _check_finite(logits: NDArray[np.float32]) -> None:
    if not np.isfinite(logits).all():
        raise MissingValue("some logits of the shadow models are not finite")
