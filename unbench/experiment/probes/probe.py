"""Everything that is asked of the models of one run, stored as plain arrays for metrics to be functions of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from unbench.data.images import Dataset, Images
from unbench.errors import NotApplicableError
from unbench.experiment.probes.features import features
from unbench.experiment.probes.relearning import relearning_curve, trained_on
from unbench.experiment.splits import FrozenSplit
from unbench.progress import Progress
from unbench.seeds import derive_seed
from unbench.training.loops import predict

STEPS = 200
"""Of relearning, at most; what takes longer counts as not relearned."""

MOST_RETAINED = 2000
"""Images of the retain set whose features are kept."""


@dataclass(frozen=True)
class Probed:
    """Arrays by name, and for each question that a model cannot be asked the reason.

    Names are question/model/part: features/unlearned/forget (N, D) float16, relearn/unlearned/forget (2, T),
    restored/unlearned/forget (N, K); and retain_rows, the positions in the retain set of those whose features are kept.
    """

    arrays: dict[str, NDArray[np.generic]]
    missing: dict[str, str]


def probe(
    models: Mapping[str, nn.Module],
    data: Dataset,
    split: FrozenSplit,
    batch_size: int,
    seed: int,
    device: torch.device,
    progress: Progress,
) -> Probed:
    """Ask each of `models`, by name, for its features, how fast it relearns, and what training on others restores.

    Relearning trains on the whole training set, the forget set included; restoring on as many retained images as were
    forgotten, for one pass, and never on the forget set.
    """
    gone, kept = split.forgotten(data), split.retained(data)
    rng = np.random.default_rng(derive_seed("probe", seed))
    rows = np.sort(rng.permutation(len(kept))[:MOST_RETAINED])
    images = _Images(
        parts={"forget": gone, "test": data.test, "retain": kept.take(rows)},
        train=data.train,
        some=kept.take(np.sort(rng.permutation(len(kept))[: len(gone)])),
        batch_size=batch_size,
        order=derive_seed("probe order", seed),
        device=device,
    )
    arrays: dict[str, NDArray[np.generic]] = {"retain_rows": rows}
    missing: dict[str, str] = {}
    for name, model in progress.track(models.items(), "models", len(models)):
        for question, ask in _QUESTIONS.items():
            try:
                answers = ask(model, images)
            except NotApplicableError as reason:
                missing[f"{question}/{name}"] = str(reason)
            else:
                arrays |= {f"{question}/{name}/{part}": tensor.numpy() for part, tensor in answers.items()}
    return Probed(arrays, missing)


@dataclass(frozen=True)
class _Images:
    parts: Mapping[str, Images]
    train: Images
    some: Images
    batch_size: int
    order: int
    device: torch.device


def _features(model: nn.Module, images: _Images) -> dict[str, Tensor]:
    return {part: features(model, some, images.device).half() for part, some in images.parts.items()}


def _relearn(model: nn.Module, images: _Images) -> dict[str, Tensor]:
    forget = images.parts["forget"]
    curve = relearning_curve(model, images.train, forget, STEPS, images.batch_size, images.order, images.device)
    return {"forget": curve}


def _restored(model: nn.Module, images: _Images) -> dict[str, Tensor]:
    steps = -(-len(images.some) // images.batch_size)
    after = trained_on(model, images.some, steps, images.batch_size, images.order, images.device)
    return predict(after, {part: images.parts[part] for part in ("forget", "test")}, images.device)


_QUESTIONS: dict[str, Callable[[nn.Module, _Images], dict[str, Tensor]]] = {
    "features": _features,
    "relearn": _relearn,
    "restored": _restored,
}
