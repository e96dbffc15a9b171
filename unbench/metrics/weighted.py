"""Weighted statistics: of examples as they are, or of many bootstrap resamples of them at once.

`weights` count how often each example was drawn, (B, N). With them the result is an array (B,), without them a float. A
resample in which a statistic is not defined gives NaN.
"""

import numpy as np
from numpy.typing import NDArray

from unbench.metrics.outputs import MissingValue
from unbench.metrics.registry import Number

Resampling = NDArray[np.float32] | None
"""How often each example was drawn in each resample, (B, N); None for the examples as they are."""


def unpacked(values: NDArray[np.float64], plain: bool) -> Number:
    """Return the only value as a float if the examples are as they are (`plain`), else all values (B,)."""
    return float(values[0]) if plain else values


def mean(values: NDArray[np.generic], weights: Resampling = None) -> Number:
    """Average `values` (N,).

    Raises:
        MissingValue: there are none.

    >>> import numpy as np
    >>> mean(np.array([1.0, 4.0]), np.array([[1, 1], [2, 0]], dtype=np.float32))
    array([2.5, 1. ])
    """
    if len(values) == 0:
        raise MissingValue("there are no examples to average over")
    if weights is None:
        return float(values.mean(dtype=np.float64))
    # Only what is left after subtracting the mean is averaged in float32, several times faster: rounding cannot matter.
    centre = values.mean(dtype=np.float64)
    rest = (values - centre).astype(np.float32)
    with np.errstate(invalid="ignore"):
        means = centre + (weights @ rest).astype(np.float64) / weights.sum(axis=1)
    return np.clip(means, values.min(), values.max())  # or an accuracy could be above 100
