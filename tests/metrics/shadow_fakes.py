"""Shadow models made by hand: scaled confidences drawn from normals, as logits of two classes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unbench.metrics.outputs import RunOutputs
from unbench.metrics.shadows import ReferenceExamples, References, ShadowOutputs

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def two_classes(phi: Floats) -> NDArray[np.float32]:
    """Build logits (..., 2) whose scaled confidence at class 0 is `phi`."""
    return np.stack([phi / 2, -phi / 2], axis=-1).astype(np.float32)


def halves(rng: np.random.Generator, models: int, targets: int) -> Bools:
    """Draw who forgot what, (M, T): models 2i and 2i + 1 have complementary halves; a last odd one has its own."""
    first = rng.random(((models + 1) // 2, targets)) < 0.5
    both = np.stack([first, ~first], axis=1).reshape(-1, targets)
    return both[:models]


def shadows(phi: Floats, forgotten: Bools, test_logits: NDArray[np.float32] | None = None) -> ShadowOutputs:
    """Build shadow models of targets with these scaled confidences, (M, T)."""
    models, targets = forgotten.shape
    if test_logits is None:
        test_logits = np.tile(np.array([2.0, 0.0], dtype=np.float32), (models, 4, 1))
    return ShadowOutputs(
        labels=np.zeros(targets, dtype=np.int64),
        forgotten=forgotten,
        logits=two_classes(phi),
        before=two_classes(phi),
        test_labels=np.zeros(test_logits.shape[1], dtype=np.int64),
        test_logits=test_logits,
        retain_acc=np.full(models, 90.0),
    )


def noise(rng: np.random.Generator, models: int, targets: int) -> Floats:
    """Draw confidences of models that differ by chance, over targets that are harder and easier, (M, T)."""
    return rng.normal(2, 3, targets) + rng.normal(size=(models, targets))


def audited(
    seed: int,
    memory: float,
    *,
    models: int = 8,
    images: int = 200,
    hardness: float = 3.0,
    mean: float = 1.0,
    spread: float = 1.0,
    forget_class: int | None = None,
) -> tuple[RunOutputs, References]:
    """Build a run and its shadow models; `memory` is how much the audited model's confidence in forgotten images gains.

    The original and the shadow models gain 4 in what they saw. Confidences vary by `hardness` over images, around
    `mean`, and by `spread` over models.
    """
    rng = np.random.default_rng(seed)
    splits, references, logits = [], {}, {"original": [], "unlearned": [], "oracle": []}
    for split in ("forget", "test", "val"):
        of_images = rng.normal(mean, hardness, images)
        seen = halves(rng, models, images) if split == "forget" else np.zeros((models, images), dtype=bool)
        of_shadows = of_images + spread * rng.normal(size=(models, images)) + 4 * seen
        references[split] = ReferenceExamples(np.zeros(images, dtype=np.int64), two_classes(of_shadows), seen)
        for model, gain in (("original", 4.0), ("unlearned", memory), ("oracle", 0.0)):
            phi = of_images + spread * rng.normal(size=images) + gain * (split == "forget")
            logits[model].append(two_classes(phi))
        splits += [split] * images
    run = RunOutputs(
        labels=np.zeros(3 * images, dtype=np.int64),
        splits=np.array(splits),
        logits={model: np.concatenate(parts) for model, parts in logits.items()},
        forget_class=forget_class,
    )
    return run, References(references)
