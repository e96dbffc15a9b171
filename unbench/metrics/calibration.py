"""Calibration: is a model right as often as its confidence says?"""

import numpy as np

from unbench.metrics.outputs import Examples, MissingValue, Model, RunOutputs
from unbench.metrics.registry import Number, percent

BINS = 15
"""As Guo et al. report it."""

_EDGE = 1e-6
"""Confidences this close above the edge of a bin count as on it. Shares of neighbours' votes often are, except for the
last digits of float32 logits, which would choose the bin at random."""


def calibration_error(examples: Examples, bins: int = BINS) -> Number:
    """Compute the expected calibration error over equal-width bins of confidence, closed on the right, in percent.

    It rises with noise, since a bin's share of right answers misses its confidence by chance too: it is higher for few
    examples, and for resamples, than for many. The predicted class is the first with the largest logit, as in
    `accuracy`.

    Raises:
        MissingValue: there are no examples, or a logit is not finite.

    >>> import numpy as np
    >>> calibration_error(Examples(np.array([0, 1]), np.zeros((2, 2), dtype=np.float32)))
    0.0
    """
    if len(examples) == 0:
        raise MissingValue("there are no examples to average over")
    confidence = examples.probs.max(axis=1)
    right = examples.logits.argmax(axis=1) == examples.labels
    inner_edges = np.arange(1, bins) / bins
    places = np.digitize(confidence - _EDGE, inner_edges, right=True)
    # Share of a bin times the distance within it is the distance of two sums over the bin, so counts cancel.
    excess = np.zeros((len(examples), bins))
    excess[np.arange(len(examples)), places] = right - confidence
    if examples.weights is None:
        return float(100 * np.abs(excess.sum(axis=0)).sum() / len(examples))
    distances = np.abs(examples.weights.astype(np.float64) @ excess).sum(axis=1)
    with np.errstate(invalid="ignore"):
        return np.asarray(100 * distances / examples.weights.sum(axis=1, dtype=np.float64))


@percent()
def test_ece(run: RunOutputs, model: Model) -> Number:
    """Expected calibration error (ECE)

    Distance of confidence from accuracy on the test set, averaged over 15 bins of equal width; in scenario class, on
    the test images of the remaining classes.

    Formula: 100 * sum_b |B_b|/|T| * |acc(B_b) - conf(B_b)|, B_b = {x in T: (b-1)/15 < max softmax(f(x)) <= b/15}
    Source: Guo et al., arXiv 1706.04599
    """
    return calibration_error(run.remaining(model, "test"))
