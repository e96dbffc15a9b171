"""Accuracies on the sets that unlearning is about."""

import numpy as np

from unbench.metrics.outputs import Examples, MissingValue, Model, RunOutputs
from unbench.metrics.registry import Number, metric, percent
from unbench.metrics.weighted import mean


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


@percent()
def test_acc(run: RunOutputs, model: Model) -> Number:
    """Test accuracy (TA)

    Accuracy on the test set; in scenario class, on the test images of the remaining classes.

    Formula: 100/|T| * sum_{(x,y) in T} 1[argmax f(x) = y]
    Source: standard measure of the field
    """
    return accuracy(run.remaining(model, "test"))


@metric(like=test_acc)
def retain_acc(run: RunOutputs, model: Model) -> Number:
    """Retain accuracy (RA)

    Accuracy on the training images that are kept.

    Formula: 100/|Dr| * sum_{(x,y) in Dr} 1[argmax f(x) = y]
    """
    return accuracy(run.examples(model, "retain"))


@metric(like=test_acc)
def forget_acc(run: RunOutputs, model: Model) -> Number:
    """Forget accuracy (FA)

    Accuracy on the training images to forget. The ideal is the oracle's value, not 0.

    Formula: 100/|Df| * sum_{(x,y) in Df} 1[argmax f(x) = y]
    """
    return accuracy(run.examples(model, "forget"))


@metric(like=test_acc)
def forget_class_test_acc(run: RunOutputs, model: Model) -> Number:
    """Test accuracy on the forgotten class

    Accuracy on the test images of the forgotten class; defined only in scenario class.

    Formula: 100/|Tc| * sum_{(x,y) in T, y=c} 1[argmax f(x) = y]
    """
    if run.forget_class is None:
        raise MissingValue("no class was forgotten in this scenario")
    test = run.examples(model, "test")
    return accuracy(test.where(test.labels == run.forget_class))


@metric(like=test_acc)
def val_acc(run: RunOutputs, model: Model) -> Number:
    """Validation accuracy (VA)

    Accuracy on the validation set, which may be used to choose hyper-parameters; in scenario class, on the validation
    images of the remaining classes.

    Formula: 100/|V| * sum_{(x,y) in V} 1[argmax f(x) = y]
    """
    return accuracy(run.remaining(model, "val"))
