"""Scores that a membership attacker looks at: higher for examples that look like training images.

Scores are rounded to float32. Models with few distinct outputs, such as votes of neighbours, produce ties, which the
last digits of float64 would order at random.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from unbench.metrics.outputs import Examples, Model, RunOutputs
from unbench.metrics.separation import Roc, roc

Score = Callable[[Examples], NDArray[np.float32]]


def cross_entropy(examples: Examples) -> NDArray[np.float64]:
    """Return the loss of each example, -log softmax(logits)[label], in nats, (N,).

    Raises:
        MissingValue: a logit is NaN or infinite.
    """
    return -examples.log_probs[np.arange(len(examples)), examples.labels]


def prediction_entropy(examples: Examples) -> NDArray[np.float64]:
    """Return the Shannon entropy of the softmax, 0 to log K nats, (N,).

    Raises:
        MissingValue: a logit is NaN or infinite.
    """
    return -(examples.probs * examples.log_probs).sum(axis=1)


def modified_prediction_entropy(examples: Examples) -> NDArray[np.float64]:
    """Return an entropy that knows the label, in nats, (N,): 0 if the label is certain, high if another class is.

    -(1 - p_y) log p_y - sum over k != y of p_k log(1 - p_k): Song and Mittal, arXiv 2003.10595. Finite for p = 0 and
    p = 1, since both logarithms are taken from the logits and no probability is clipped.

    Raises:
        MissingValue: a logit is NaN or infinite.
    """
    log_probs, rows = examples.log_probs, np.arange(len(examples))
    likeliest = log_probs.argmax(axis=1)
    # Only the likeliest class can be near 1, where 1 - p is lost to rounding: there it is the sum of the others.
    others = examples.probs.copy()
    others[rows, likeliest] = 0
    rest = others.sum(axis=1)
    with np.errstate(divide="ignore"):
        log_rest = np.log(rest)
    tiny = rest < 1e-290
    if tiny.any():
        masked = log_probs[tiny]
        masked[np.arange(len(masked)), likeliest[tiny]] = -np.inf
        log_rest[tiny] = logsumexp(masked, axis=1)
    terms = others * np.log1p(-others)
    terms[rows, likeliest] = examples.probs[rows, likeliest] * log_rest
    of_label = log_probs[rows, examples.labels]
    terms[rows, examples.labels] = -np.expm1(of_label) * of_label
    return -terms.sum(axis=1)


def loss(examples: Examples) -> NDArray[np.float32]:
    """Return minus the cross-entropy.

    Formula: s = log p_y
    Source: Yeom et al., arXiv 1709.01604
    """
    return -_rounded(cross_entropy(examples))


def confidence(examples: Examples) -> NDArray[np.float32]:
    """Return the logarithm of the highest probability.

    The score is the highest probability, whatever the label: the label's own would rank as the loss does.

    Formula: s = max_k p_k
    Source: Salem et al., arXiv 1806.01246
    Note: The logarithm ranks examples as the probability does, but float32 keeps values close to 1 apart.
    """
    return _rounded(examples.log_probs.max(axis=1))


def entropy(examples: Examples) -> NDArray[np.float32]:
    """Return minus the entropy of the softmax.

    The score is minus the entropy of the softmax and ignores the label.

    Formula: s = sum_k p_k log p_k
    Source: Salem et al., arXiv 1806.01246
    """
    return -_rounded(prediction_entropy(examples))


def modified_entropy(examples: Examples) -> NDArray[np.float32]:
    """Return minus the modified entropy.

    The score is minus an entropy that is low only if the label, not another class, is certain.

    Formula: s = (1 - p_y) log p_y + sum_{k != y} p_k log(1 - p_k)
    Source: Song and Mittal, arXiv 2003.10595; not the variant of Unlearn-Sparse's code, which has log p for log(1 - p)
    """
    return -_rounded(modified_prediction_entropy(examples))


def _rounded(values: NDArray[np.float64]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):  # beyond float32 is infinite: still in the right place of the ranking
        return values.astype(np.float32)


SCORES: dict[str, Score] = {score.__name__: score for score in (loss, confidence, entropy, modified_entropy)}
"""Scores by the name of their attack, whose records are made from their docstrings (unbench.metrics.membership)."""


def sides(run: RunOutputs, model: Model) -> tuple[Examples, Examples]:
    """Return the forget set and the test images that it is compared with.

    In scenario `class`, only test images of the forgotten class count: a forgotten class can be told from the remaining
    ones without any memory of its images.

    Raises:
        MissingValue: the run stores no outputs of either set.
    """
    return run.examples(model, "forget"), comparable(run, run.examples(model, "test"))


def comparable(run: RunOutputs, unseen: Examples) -> Examples:
    """Return the unseen examples that the forget set is compared with; see `sides`."""
    return unseen if run.forget_class is None else unseen.where(unseen.labels == run.forget_class)


def attack(run: RunOutputs, model: Model, score: Score) -> Roc:
    """Return the ROC of forget set against test images, by one score.

    Raises:
        MissingValue: the outputs of either set are missing or not finite.
    """
    forget, others = sides(run, model)
    return roc(score(forget), score(others))
