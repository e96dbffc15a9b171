"""Distances between predicted distributions: how differently from the oracle does a model answer each image?"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from unbench.metrics.outputs import MissingValue, Model, RunOutputs, Split
from unbench.metrics.registry import AGAINST_ORACLE, Number, metric
from unbench.metrics.weighted import mean

Distributions = NDArray[np.float64]
"""Log-probabilities, (N, K)."""

Distance = Callable[[Distributions, Distributions], NDArray[np.float64]]
"""From the log-probabilities of two models to one distance per example, (N,).

Each is clipped to its bounds, which rounding may exceed in the last digit.
"""


def jensen_shannon(log_p: Distributions, log_q: Distributions) -> NDArray[np.float64]:
    """Compute the Jensen-Shannon divergence of each row in nats, 0 to log 2, (N,).

    It is finite and symmetric for any probabilities.
    """
    log_middle = np.logaddexp(log_p, log_q) - np.log(2)
    halves = np.exp(log_p) * (log_p - log_middle) + np.exp(log_q) * (log_q - log_middle)
    return np.clip(halves.sum(axis=1) / 2, 0, np.log(2))


def kullback_leibler(log_p: Distributions, log_q: Distributions) -> NDArray[np.float64]:
    """Compute KL(p || q) of each row in nats, (N,): 0 and up, finite because logits are, without an upper bound."""
    return np.maximum((np.exp(log_p) * (log_p - log_q)).sum(axis=1), 0)


def l1(log_p: Distributions, log_q: Distributions) -> NDArray[np.float64]:
    """Sum the absolute differences of probabilities over classes, 0 to 2, (N,)."""
    return np.minimum(np.abs(np.exp(log_p) - np.exp(log_q)).sum(axis=1), 2)


def l2(log_p: Distributions, log_q: Distributions) -> NDArray[np.float64]:
    """Compute the Euclidean distance of the probabilities, 0 to sqrt 2, (N,)."""
    return np.minimum(np.linalg.norm(np.exp(log_p) - np.exp(log_q), axis=1), np.sqrt(2))


def to_oracle(run: RunOutputs, model: Model, split: Split, distance: Distance) -> Number:
    """Average distance(oracle, model) over a split; the test set is taken without the forgotten class, if any.

    Raises:
        MissingValue: outputs of either model are missing or not finite, or the two have different numbers of classes.
    """
    examples = run.remaining if split == "test" else run.examples
    oracle, ours = examples("oracle", split), examples(model, split)
    if oracle.logits.shape != ours.logits.shape:
        raise MissingValue(f"'{model}' and the oracle do not have the same number of classes")
    return mean(distance(oracle.log_probs, ours.log_probs), ours.weights)


@metric(unit="nats", bounds=(0, float(np.log(2))), ideal="0, or at most that of oracle_2", models=AGAINST_ORACLE)
def js_forget(run: RunOutputs, model: Model) -> Number:
    """Jensen-Shannon divergence to the oracle on the forget set

    Distance of the predicted distributions from the oracle's on the images to forget. For a second oracle, it is the
    noise floor.

    Formula: mean_x 1/2 KL(p_u || m) + 1/2 KL(p_o || m), m = (p_u + p_o)/2, summed over classes, natural logarithm
    Source: Lin, IEEE Transactions on Information Theory 37(1), 1991; of predictions, as in arXiv 2205.08096
    """
    return to_oracle(run, model, "forget", jensen_shannon)


@metric(like=js_forget)
def js_test(run: RunOutputs, model: Model) -> Number:
    """Jensen-Shannon divergence to the oracle on the test set

    As js_forget, on the test set; in scenario class, on the test images of the remaining classes.
    """
    return to_oracle(run, model, "test", jensen_shannon)


@metric(like=js_forget, bounds=(0, float("inf")))
def kl_forget(run: RunOutputs, model: Model) -> Number:
    """Kullback-Leibler divergence to the oracle on the forget set

    KL(oracle || unlearned) on the images to forget: large where the model all but rules out an answer that the oracle
    gives. A few such images can make up most of it.

    Formula: mean_x sum_k p_o(k|x) log(p_o(k|x) / p_u(k|x)), o: oracle, u: unlearned, natural logarithm
    Source: Kullback and Leibler, Annals of Mathematical Statistics 22(1), 1951; the oracle comes first, as the teacher
        does in distillation, while Golatkar et al., arXiv 1911.04933, put the unlearned model first
    """
    return to_oracle(run, model, "forget", kullback_leibler)


@metric(like=kl_forget)
def kl_test(run: RunOutputs, model: Model) -> Number:
    """Kullback-Leibler divergence to the oracle on the test set

    As kl_forget, on the test set; in scenario class, on the test images of the remaining classes.
    """
    return to_oracle(run, model, "test", kullback_leibler)


@metric(like=js_forget, unit="probability", bounds=(0, 2))
def activation_l1_forget(run: RunOutputs, model: Model) -> Number:
    """Activation distance (L1) on the forget set

    L1 distance between the softmax outputs of the model and the oracle on the images to forget.

    Formula: mean_x sum_k |p_u(k|x) - p_o(k|x)|
    Source: Golatkar et al., arXiv 2003.02960
    """
    return to_oracle(run, model, "forget", l1)


@metric(like=activation_l1_forget, bounds=(0, float(np.sqrt(2))))
def activation_l2_forget(run: RunOutputs, model: Model) -> Number:
    """Activation distance (L2) on the forget set

    L2 distance between the softmax outputs of the model and the oracle on the images to forget.

    Formula: mean_x sqrt(sum_k (p_u(k|x) - p_o(k|x))^2)
    Source: Chundawat et al., arXiv 2205.08096
    """
    return to_oracle(run, model, "forget", l2)


@metric(unit="1 - nats", bounds=(1 - float(np.log(2)), 1), ideal="equal to the oracle")
def zrf_uniform(run: RunOutputs, model: Model) -> Number:
    """Zero Retrain Forgetting against uniform outputs (ZRF)

    One minus the Jensen-Shannon divergence between predictions on the forget set and the uniform distribution. At 1 the
    model answers at random, which the oracle does not: high is not good.

    Formula: 1 - mean_x JS(p(x), (1/K, ..., 1/K)), JS summed over classes, natural logarithm
    Source: Chundawat et al., arXiv 2205.08096, who compare with a randomly initialised network. Runs store no outputs
        of one, so the uniform distribution stands in for it; their code averages KL(m || p) over classes and lies
        nearer to 1
    """
    forget = run.examples(model, "forget")
    uniform = np.full_like(forget.log_probs, -np.log(forget.logits.shape[1]))
    return 1 - mean(jensen_shannon(forget.log_probs, uniform), forget.weights)
