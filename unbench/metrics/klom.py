"""KLoM: Kullback-Leibler divergence of margins, from unlearned to retrained models, image by image.

The margin of an image is its scaled confidence. For each target, a histogram of margins over the models that forgot it
is compared with one over the retrained models of the other halves, those without the image. As in
unbench.metrics.forgetting_quality, the two sides are independent, and retraining compared with itself is the noise
floor. That floor is far from 0: for normal values, 16 against 16, the mean over images is 3.9 nats; 64 against 64, 0.6.
With 8 against 8, the 95th percentile is 8.8 of 11.5 possible nats, which leaves little to see. So compare values only
at equal numbers of shadow models, and beside that of retraining. A bootstrap resample repeats models and would lie
higher still, so there is no interval.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import rel_entr

from unbench.metrics.registry import metric, of_shadows
from unbench.metrics.shadows import ShadowOutputs

BINS = 20
LIMIT = 100.0
"""Margins are clipped to +-LIMIT."""

EMPTY = 1e-5
"""Least probability of the retrained models' histogram where the unlearned models' is not 0, before it sums to 1."""

LEAST = 2
"""Models that a target needs on either side; without them it is left out."""


@of_shadows(unit="nats", bounds=(0, float(np.log((1 + BINS * EMPTY) / EMPTY))), ideal="that of retraining")
def klom_95(method: ShadowOutputs, oracle: ShadowOutputs) -> float:
    """KL divergence of margins (KLoM, 95th percentile)

    95th percentile over images of the divergence between margins under unlearned and under retrained models. Compare
    only at equal numbers of shadow models, and with the value of retraining.

    Formula: KL(p || q) = sum_b p_b log(p_b / q_b), histograms p of unlearned and q of retrained models, 20 bins over
        the range of both, q_b at least 0.00001 where p_b > 0
    Source: KLoM: Georgiev et al., arXiv 2410.23232; bins and smoothing as in RoyRin/data-unlearning-bench, but the
        largest value counts, and the retrained models are those of halves without the image
    """
    return float(np.percentile(divergences(method, oracle), 95))


@metric(like=klom_95)
def klom_mean(method: ShadowOutputs, oracle: ShadowOutputs) -> float:
    """KL divergence of margins (KLoM, mean)

    Mean over images of the divergence between margins under unlearned and under retrained models. Compare only at equal
    numbers of shadow models, and with the value of retraining.
    """
    return float(divergences(method, oracle).mean())


def divergences(method: ShadowOutputs, oracle: ShadowOutputs) -> NDArray[np.float64]:
    """Compute KLoM of the targets with at least two models on either side, in nats, (T',).

    Raises:
        MissingValue: there are none, or a logit is not finite.
    """
    enough = method.targets(LEAST)
    forgot = method.forgotten[:, enough]
    unlearned, retrained = (np.clip(side.phi[:, enough], -LIMIT, LIMIT) for side in (method, oracle))
    used = np.concatenate([np.where(forgot, unlearned, np.nan), np.where(forgot, np.nan, retrained)])
    low, high = np.nanmin(used, axis=0), np.nanmax(used, axis=0)
    width = np.where(high > low, high - low, 1)
    p, q = (
        _histogram(np.floor(BINS * (values - low) / width), mask)
        for values, mask in ((unlearned, forgot), (retrained, ~forgot))
    )
    q = np.where(p > 0, np.maximum(q, EMPTY), q)
    return np.asarray(rel_entr(p, q / q.sum(axis=1, keepdims=True)).sum(axis=1))


def _histogram(bins: NDArray[np.float64], mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return shares of the models in `mask`, (T, BINS), from bin numbers (M, T); the upper edge is in the last bin."""
    count = bins.shape[1]
    places = np.arange(count) * BINS + np.clip(bins, 0, BINS - 1).astype(np.int64)
    counts = np.bincount(places[mask], minlength=count * BINS).reshape(count, BINS)
    return np.asarray(counts / mask.sum(axis=0)[:, None])
