"""Traces of unlearning: can an unlearned model be told from a retrained one by how it answers ordinary test images?

Forgetting can succeed and yet leave the model odd: flatter, or bolder, than any that was trained in the usual way. That
reveals to an observer that something was unlearned. A classifier of models looks for it, on images that have nothing to
do with the forget set.

The negatives are retrained models, not originals, because the effect of training on fewer images is not a trace. An
unlearned and a retrained model of one half of the training set share much of what makes a model individual. They are
always in the same fold: otherwise, a classifier that was shown the one could recognise the other by its half, take it
for the same kind, and fall below 50. This also keeps every fold balanced, so that no majority can be guessed.

A model is described by few numbers, fewer than a pool has models, and none of them depends on the order of the classes.
Regularised logistic regression on standardised numbers is enough for them.
"""

import numpy as np
from numpy.typing import NDArray

from unbench.metrics.attacks import cross_entropy, prediction_entropy
from unbench.metrics.classifiers import logistic_regression
from unbench.metrics.outputs import Examples, MissingValue
from unbench.metrics.registry import of_shadows
from unbench.metrics.shadows import ShadowOutputs

RANKS = 3
"""Highest probabilities of an image, each described by itself."""

FOLDS = 10
LEAST = 4
"""Pairs of models; with fewer, a fold would train on less than three of either kind."""


@of_shadows(unit="percent", bounds=(0, 100), ideal="50: they cannot be told apart")
def trace_detection_acc(method: ShadowOutputs, oracle: ShadowOutputs) -> float:
    """Detection of unlearning traces

    Cross-validated accuracy of a classifier that tells unlearned from retrained shadow models by statistics of their
    answers to the test set.

    Formula: 100/(2M) * sum over models of 1[logistic regression fitted on the other folds is right]; both models of one
        half in one fold, at most 10 folds
    Source: part of unbench, after the trace detection of language models in arXiv 2506.14003
    """
    if len(method) < LEAST:
        raise MissingValue(f"detecting traces needs at least {LEAST} shadow models")
    from sklearn.model_selection import GroupKFold

    features = np.concatenate([describe(method), describe(oracle)])
    unlearned = np.repeat([1, 0], len(method))
    halves = np.tile(np.arange(len(method)), 2)
    right = np.zeros(len(features))
    for rest, held_out in GroupKFold(min(FOLDS, len(method))).split(features, unlearned, halves):
        classifier = logistic_regression().fit(features[rest], unlearned[rest])
        # A model on the boundary counts half, as a guess.
        side = np.sign(np.round(classifier.decision_function(features[held_out]), 6))
        right[held_out] = (1 + side * np.where(unlearned[held_out] == 1, 1, -1)) / 2
    return float(100 * right.mean())


def describe(outputs: ShadowOutputs) -> NDArray[np.float64]:
    """Compute statistics of each model's answers to test images, (M, F).

    They are the share of right answers, and the mean and standard deviation over images of the log-probability of the
    label, of the entropy and of the highest log-probabilities.

    Raises:
        MissingValue: there are no test images, or a logit is NaN or infinite.
    """
    if len(outputs.test_labels) == 0:
        raise MissingValue("the shadow models have no 'test' outputs")
    return np.stack([_statistics(Examples(outputs.test_labels, logits)) for logits in outputs.test_logits])


def _statistics(test: Examples) -> NDArray[np.float64]:
    log_probs = test.log_probs
    highest = -np.sort(-log_probs, axis=1)[:, :RANKS]
    columns = np.column_stack([-cross_entropy(test), prediction_entropy(test), highest])
    right = (log_probs.argmax(axis=1) == test.labels).mean()
    return np.concatenate([[right], columns.mean(axis=0), columns.std(axis=0)])
