"""Unlearning completeness per image (IAM): how far back did the model go on the way from fitted to never seen?

For each image, a line joins the signal of models that never saw it and the signal of a model that fitted it. At each
point of the line, the audited model is compared with models that would stand there; membership is the weighted share of
those that it beats. One shadow model is enough, since their spread is taken over all images together.

The fitted end is chosen so that only the audited model can make a difference:
- completeness, a mean over the forget set, takes the run's original model, which has fitted these images;
- the AUROC against test images takes a certain prediction (p_y = 1), as the published code does without an original.
  The original itself has fitted one kind only. Its signal would tell the kinds apart under any audited model, so that
  even one that never saw either would not come out at 50.
As in unbench.metrics.rmia, images of both kinds are judged by equally many OUT models. The spread is that of the
examples as they are, also under bootstrap resamples.
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from unbench.metrics.outputs import MissingValue, Model, RunOutputs
from unbench.metrics.registry import Number, metric, percent
from unbench.metrics.rmia import separate_sides, signals
from unbench.metrics.shadows import References
from unbench.metrics.weighted import mean

POINTS = 100
"""On the line from never seen to fitted, both ends included."""

_EPS1, _EPS2 = 1e-2, 1e-5
_EULER = 0.5772
_SMALLEST = 1e-10
"""Least spread, so that images on which all models agree have a defined value."""


@percent(needs="references")
def iam_completeness(run: RunOutputs, model: Model, references: References) -> Number:
    """Unlearning completeness (IAM)

    Mean over the forget set of 1 - m(x), where membership m(x) places the model between shadow models that never saw
    the image and the original, which fitted it.

    Formula: m(x) = sum_j a_{j+1} G_j(r(x)) / sum_j a_{j+1}, a_j = 0, 1/99, ..., 1; G_j: Gumbel distribution fitted to
        (1-a_j) r_OUT(x) + a_j r_fit(x); r = -log(0.01 - log(p_y + 0.00001))
    Source: IAM: Wang et al., arXiv 2506.06112, with the fixed variance of its code
    """
    forget, fitted = (signals(run, which, references, "forget") for which in (model, "original"))
    members = membership(signal(forget.log_p), signal(fitted.log_p), signal(forget.shadow_log_p), forget.out)
    return 100 * mean(1 - members, forget.examples.weights)


@metric(like=iam_completeness, attack=True, ideal="equal to the oracle, near 50")
def iam_auroc(run: RunOutputs, model: Model, references: References) -> Number:
    """Interpolated membership (IAM, AUROC)

    AUROC of m(x) with the forget set as members and the test set as non-members; the fitted end of the line is p_y = 1
    for both.

    Source: IAM: Wang et al., arXiv 2506.06112, with the fixed variance of its code; the paper tells forgotten from
        remaining training images instead of from test images
    """
    members, others = (signals(run, model, references, split) for split in ("forget", "test"))
    count = len(members.examples)
    if count == 0 or len(others.examples) == 0:
        raise MissingValue("an attack needs examples of both kinds")
    joined = membership(
        signal(np.concatenate([members.log_p, others.log_p])),
        signal(np.zeros(count + len(others.log_p))),
        signal(np.concatenate([members.shadow_log_p, others.shadow_log_p], axis=1)),
        np.concatenate([members.out, others.out], axis=1),
    )
    return 100 * separate_sides(members, others, (joined[:count], joined[count:])).auroc


def signal(log_p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute r = -log(0.01 - log(p + 0.00001)), from -2.4 for p = 0 to 4.6 for p = 1, same shape.

    >>> import numpy as np
    >>> signal(np.array([-np.inf, 0.0])).round(2)
    array([-2.44,  4.61])
    """
    return np.asarray(-np.log(_EPS1 - np.log(np.exp(log_p) + _EPS2)))


def membership(
    audited: NDArray[np.float64], fitted: NDArray[np.float64], shadows: NDArray[np.float64], out: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Compute m(x) of each image, 0 to 1, (N,), from signals.

    Args:
        audited: of the audited model, (N,).
        fitted: of a model that fitted the image, (N,).
        shadows: of shadow models, (S, N).
        out: which of them never saw the image, at least one for each image, (S, N).

    >>> import numpy as np
    >>> shadows, out = np.array([[0.0, 0.4]]), np.ones((1, 2), dtype=bool)
    >>> membership(np.array([-9.0, 9.0]), np.array([4.0, 4.0]), shadows, out).round(3)
    array([0., 1.])
    """
    alphas = np.linspace(0, 1, POINTS)
    mean_out = np.where(out, shadows, 0).sum(axis=0) / out.sum(axis=0)
    model, image = np.nonzero(out)
    unseen, seen = shadows[model, image], fitted[image]
    total = np.zeros(len(audited))
    (of_unseen, both), (_, of_seen) = np.cov(unseen, seen, bias=True)
    for at, weight in pairwise(alphas):
        variance = (1 - at) ** 2 * of_unseen + 2 * at * (1 - at) * both + at**2 * of_seen
        spread = max(float(np.sqrt(max(variance, 0))), _SMALLEST)
        scale = np.sqrt(6) * spread / np.pi
        place = (1 - at) * mean_out + at * fitted - _EULER * scale
        with np.errstate(over="ignore"):
            total += weight * np.exp(-np.exp(-(audited - place) / scale))
    return np.asarray(total / alphas[1:].sum())
