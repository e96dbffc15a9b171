"""Accuracies on the sets that unlearning is about."""

from __future__ import annotations

from functools import partial

import numpy as np

from unbench.metrics.outputs import Examples, MissingValue, Model, RunOutputs
from unbench.metrics.records import percent
from unbench.metrics.registry import Number
from unbench.metrics.weighted import mean

_accuracy_metric = partial(percent, source="standard measure of the field")


def accuracy(examples: Examples) -> Number:
    """Return the share of examples whose label has the largest logit, in percent; the first class wins a tie.

    Raises:
        MissingValue: there are no examples, or a logit is NaN.

    >>> import numpy as np
    >>> accuracy(Examples(np.array([0, 1]), np.array([[2.0, 1.0], [3.0, 0.0]], dtype=np.float32)))
    50.0
    """
    if np.isnan(examples.logits).any():
        raise MissingValue("some logits are not numbers")
    return mean(100.0 * (examples.logits.argmax(axis=1) == examples.labels), examples.weights)


@_accuracy_metric(
    title="Test accuracy (TA)",
    definition="Accuracy on the test set; in scenario class, on the test images of the remaining classes.",
    formula="100/|T| * sum_{(x,y) in T} 1[argmax f(x) = y]",
)
def test_acc(run: RunOutputs, model: Model) -> Number:
    """Return the accuracy on the test set without the forgotten class, if one was forgotten."""
    return accuracy(remaining(run, run.examples(model, "test")))


@_accuracy_metric(
    title="Retain accuracy (RA)",
    definition="Accuracy on the training images that are kept.",
    formula="100/|Dr| * sum_{(x,y) in Dr} 1[argmax f(x) = y]",
)
def retain_acc(run: RunOutputs, model: Model) -> Number:
    """Return the accuracy on the retain set."""
    return accuracy(run.examples(model, "retain"))


@_accuracy_metric(
    title="Forget accuracy (FA)",
    definition="Accuracy on the training images to forget. The ideal is the oracle's value, not 0.",
    formula="100/|Df| * sum_{(x,y) in Df} 1[argmax f(x) = y]",
)
def forget_acc(run: RunOutputs, model: Model) -> Number:
    """Return the accuracy on the forget set."""
    return accuracy(run.examples(model, "forget"))


@_accuracy_metric(
    title="Test accuracy on the forgotten class",
    definition="Accuracy on the test images of the forgotten class; defined only in scenario class.",
    formula="100/|Tc| * sum_{(x,y) in T, y=c} 1[argmax f(x) = y]",
)
def forget_class_test_acc(run: RunOutputs, model: Model) -> Number:
    """Return the accuracy on the test images of the forgotten class."""
    if run.forget_class is None:
        raise MissingValue("no class was forgotten in this scenario")
    test = run.examples(model, "test")
    return accuracy(test.where(test.labels == run.forget_class))


@_accuracy_metric(
    title="Validation accuracy (VA)",
    definition="Accuracy on the validation set, which may be used to choose hyper-parameters; in scenario class, on "
    "the validation images of the remaining classes.",
    formula="100/|V| * sum_{(x,y) in V} 1[argmax f(x) = y]",
)
def val_acc(run: RunOutputs, model: Model) -> Number:
    """Return the accuracy on the validation set without the forgotten class, if one was forgotten."""
    return accuracy(remaining(run, run.examples(model, "val")))


def remaining(run: RunOutputs, examples: Examples) -> Examples:
    """Return the examples of the classes that remain: all examples, except in scenario `class`."""
    return examples if run.forget_class is None else examples.where(examples.labels != run.forget_class)
