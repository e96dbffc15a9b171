"""Accuracies on the sets that unlearning is about."""

from __future__ import annotations

import numpy as np

from unbench.metrics.outputs import Examples, MissingValue, Model, RunOutputs
from unbench.metrics.registry import Number, metric
from unbench.metrics.weighted import mean

_RECORD = {"unit": "percent", "bounds": (0, 100), "ideal": "equal to the oracle", "source": "the field's own measure"}


def accuracy(examples: Examples) -> Number:
    """Share of examples whose largest logit is the label's, in percent; of equal logits the first class counts.

    Raises:
        MissingValue: there are no examples, or a logit is NaN.

    >>> import numpy as np
    >>> accuracy(Examples(np.array([0, 1]), np.array([[2.0, 1.0], [3.0, 0.0]], dtype=np.float32)))
    50.0
    """
    if np.isnan(examples.logits).any():
        raise MissingValue("some logits are not numbers")
    return mean(100.0 * (examples.logits.argmax(axis=1) == examples.labels), examples.weights)


@metric(
    name="test_acc",
    title="Test accuracy (TA)",
    definition="Accuracy on the test set; in scenario class, on the test images of the remaining classes.",
    formula="100/|T| * sum_{(x,y) in T} 1[argmax f(x) = y]",
    **_RECORD,
)
def test_acc(run: RunOutputs, model: Model) -> Number:
    """Accuracy on test, without the forgotten class if one was forgotten."""
    return accuracy(remaining(run, run.examples(model, "test")))


@metric(
    name="retain_acc",
    title="Retain accuracy (RA)",
    definition="Accuracy on the training images that are kept.",
    formula="100/|Dr| * sum_{(x,y) in Dr} 1[argmax f(x) = y]",
    **_RECORD,
)
def retain_acc(run: RunOutputs, model: Model) -> Number:
    """Accuracy on the retain set."""
    return accuracy(run.examples(model, "retain"))


@metric(
    name="forget_acc",
    title="Forget accuracy (FA)",
    definition="Accuracy on the training images to forget. Not 0 but the oracle's value is ideal.",
    formula="100/|Df| * sum_{(x,y) in Df} 1[argmax f(x) = y]",
    **_RECORD,
)
def forget_acc(run: RunOutputs, model: Model) -> Number:
    """Accuracy on the forget set."""
    return accuracy(run.examples(model, "forget"))


@metric(
    name="forget_class_test_acc",
    title="Test accuracy on the forgotten class",
    definition="Accuracy on the test images of the class that was forgotten; only in scenario class.",
    formula="100/|Tc| * sum_{(x,y) in T, y=c} 1[argmax f(x) = y]",
    **_RECORD,
)
def forget_class_test_acc(run: RunOutputs, model: Model) -> Number:
    """Accuracy on the forgotten class's own test images."""
    if run.forget_class is None:
        raise MissingValue("no class was forgotten in this scenario")
    test = run.examples(model, "test")
    return accuracy(test.where(test.labels == run.forget_class))


@metric(
    name="val_acc",
    title="Validation accuracy (VA)",
    definition="Accuracy on the validation set, by which hyper-parameters may be chosen; as TA in scenario class.",
    formula="100/|V| * sum_{(x,y) in V} 1[argmax f(x) = y]",
    **_RECORD,
)
def val_acc(run: RunOutputs, model: Model) -> Number:
    """Accuracy on validation, without the forgotten class if one was forgotten."""
    return accuracy(remaining(run, run.examples(model, "val")))


def remaining(run: RunOutputs, examples: Examples) -> Examples:
    """The examples of the classes that remain: all of them, but in scenario class."""
    return examples if run.forget_class is None else examples.where(examples.labels != run.forget_class)
