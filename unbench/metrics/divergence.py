"""Distances between predicted distributions: how differently from the oracle does a model answer each image?"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from unbench.metrics.accuracy import remaining
from unbench.metrics.outputs import Examples, MissingValue, Model, RunOutputs, Split
from unbench.metrics.registry import AGAINST_ORACLE, Number, metric
from unbench.metrics.weighted import mean

Floats = NDArray[np.float64]
Distance = Callable[[Floats, Floats], Floats]
"""From the log-probabilities of two models, (N, K) each, to one distance per example, (N,).

Each is cut off at its bounds, which rounding may overstep by the last digit.
"""

_RECORD = {"ideal": "0, or at most that of oracle_2", "models": AGAINST_ORACLE}
_JS = {
    "formula": "mean_x 1/2 KL(p_u || m) + 1/2 KL(p_o || m), m = (p_u + p_o)/2, summed over classes, natural logarithm",
    "unit": "nats",
    "bounds": (0, float(np.log(2))),
    "source": "Lin, IEEE Transactions on Information Theory 37(1), 1991; of predictions, as in arXiv 2205.08096",
    **_RECORD,
}
_KL = {
    "formula": "mean_x sum_k p_o(k|x) log(p_o(k|x) / p_u(k|x)), o: oracle, u: unlearned, natural logarithm",
    "unit": "nats",
    "bounds": (0, float("inf")),
    "source": "Kullback and Leibler, Annals of Mathematical Statistics 22(1), 1951; the oracle comes first, as the "
    "teacher does in distillation, while Golatkar et al., arXiv 1911.04933, put the unlearned model first",
    **_RECORD,
}
_L1 = {
    "formula": "mean_x sum_k |p_u(k|x) - p_o(k|x)|",
    "unit": "probability",
    "bounds": (0, 2),
    "source": "Golatkar et al., arXiv 2003.02960",
    **_RECORD,
}
_L2 = {
    "formula": "mean_x sqrt(sum_k (p_u(k|x) - p_o(k|x))^2)",
    "unit": "probability",
    "bounds": (0, float(np.sqrt(2))),
    "source": "Chundawat et al., arXiv 2205.08096",
    **_RECORD,
}


def jensen_shannon(log_p: Floats, log_q: Floats) -> Floats:
    """Jensen-Shannon divergence of each row in nats, 0 to log 2, (N,); finite and symmetric for any probabilities."""
    log_middle = np.logaddexp(log_p, log_q) - np.log(2)
    halves = np.exp(log_p) * (log_p - log_middle) + np.exp(log_q) * (log_q - log_middle)
    return np.clip(halves.sum(axis=1) / 2, 0, np.log(2))


def kullback_leibler(log_p: Floats, log_q: Floats) -> Floats:
    """KL(p || q) of each row in nats, (N,): 0 and up, finite because logits are, but without an upper bound."""
    return np.maximum((np.exp(log_p) * (log_p - log_q)).sum(axis=1), 0)


def l1(log_p: Floats, log_q: Floats) -> Floats:
    """Sum over classes of the absolute differences of probabilities, 0 to 2, (N,)."""
    return np.minimum(np.abs(np.exp(log_p) - np.exp(log_q)).sum(axis=1), 2)


def l2(log_p: Floats, log_q: Floats) -> Floats:
    """Euclidean distance of the probabilities, 0 to sqrt 2, (N,)."""
    return np.minimum(np.linalg.norm(np.exp(log_p) - np.exp(log_q), axis=1), np.sqrt(2))


def to_oracle(run: RunOutputs, model: Model, split: Split, distance: Distance) -> Number:
    """Average over a split of distance(oracle, model); the test set is without the forgotten class if there is one.

    Raises:
        MissingValue: outputs of either model are not there, or not finite, or the two tell different classes apart.
    """
    oracle, ours = _examples(run, "oracle", split), _examples(run, model, split)
    if oracle.logits.shape != ours.logits.shape:
        raise MissingValue(f"'{model}' and the oracle do not have the same number of classes")
    return mean(distance(oracle.log_probs, ours.log_probs), ours.weights)


@metric(
    name="js_forget",
    title="Jensen-Shannon divergence to the oracle on the forget set",
    definition="How far the predicted distributions lie from the oracle's on the images to forget. Of a second oracle, "
    "it is the noise floor.",
    **_JS,
)
def js_forget(run: RunOutputs, model: Model) -> Number:
    """JS to the oracle, forget set."""
    return to_oracle(run, model, "forget", jensen_shannon)


@metric(
    name="js_test",
    title="Jensen-Shannon divergence to the oracle on the test set",
    definition="The same on the test set; in scenario class, on the test images of the remaining classes.",
    **_JS,
)
def js_test(run: RunOutputs, model: Model) -> Number:
    """JS to the oracle, test set."""
    return to_oracle(run, model, "test", jensen_shannon)


@metric(
    name="kl_forget",
    title="Kullback-Leibler divergence to the oracle on the forget set",
    definition="KL(oracle || unlearned) on the images to forget: large where the model all but rules out an answer "
    "that the oracle gives. A few such images can make up most of it.",
    **_KL,
)
def kl_forget(run: RunOutputs, model: Model) -> Number:
    """KL(oracle || model), forget set."""
    return to_oracle(run, model, "forget", kullback_leibler)


@metric(
    name="kl_test",
    title="Kullback-Leibler divergence to the oracle on the test set",
    definition="The same on the test set; in scenario class, on the test images of the remaining classes.",
    **_KL,
)
def kl_test(run: RunOutputs, model: Model) -> Number:
    """KL(oracle || model), test set."""
    return to_oracle(run, model, "test", kullback_leibler)


@metric(
    name="activation_l1_forget",
    title="Activation distance (L1) on the forget set",
    definition="L1 distance between the softmax outputs of the model and the oracle on the images to forget.",
    **_L1,
)
def activation_l1_forget(run: RunOutputs, model: Model) -> Number:
    """L1 to the oracle, forget set."""
    return to_oracle(run, model, "forget", l1)


@metric(
    name="activation_l2_forget",
    title="Activation distance (L2) on the forget set",
    definition="L2 distance between the softmax outputs of the model and the oracle on the images to forget.",
    **_L2,
)
def activation_l2_forget(run: RunOutputs, model: Model) -> Number:
    """L2 to the oracle, forget set."""
    return to_oracle(run, model, "forget", l2)


@metric(
    name="zrf_uniform",
    title="Zero Retrain Forgetting against uniform outputs (ZRF)",
    definition="One minus the Jensen-Shannon divergence between predictions on the forget set and the uniform "
    "distribution. 1 says that the model answers at random, which the oracle does not: high is not good.",
    formula="1 - mean_x JS(p(x), (1/K, ..., 1/K)), JS summed over classes, natural logarithm",
    unit="1 - nats",
    bounds=(1 - float(np.log(2)), 1),
    ideal="equal to the oracle",
    source="Chundawat et al., arXiv 2205.08096, who compare with a randomly initialised network. Runs store no "
    "outputs of one, so the uniform distribution stands for it; their code averages KL(m || p) over classes and lies "
    "nearer to 1",
)
def zrf_uniform(run: RunOutputs, model: Model) -> Number:
    """ZRF with uniform outputs for the random model's, 1 - log 2 to 1."""
    forget = run.examples(model, "forget")
    uniform = np.full_like(forget.log_probs, -np.log(forget.logits.shape[1]))
    return 1 - mean(jensen_shannon(forget.log_probs, uniform), forget.weights)


def _examples(run: RunOutputs, model: Model, split: Split) -> Examples:
    examples = run.examples(model, split)
    return remaining(run, examples) if split == "test" else examples
