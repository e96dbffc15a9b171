"""Probes of the models of a run: what is still in them beyond their outputs, and does it come back?"""

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from itertools import chain, islice, repeat

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from unbench.config.seeds import derive_seed
from unbench.data.batches import Batches
from unbench.data.images import Dataset, Images
from unbench.errors import NotApplicableError
from unbench.experiment.splits import FrozenSplit
from unbench.methods.base import Context
from unbench.metrics.probed import ProbeOutputs
from unbench.metrics.relearning import LOSS_LEVEL, MARGIN
from unbench.models.parts import head
from unbench.training.loops import predict

STEPS = 200
"""Most steps of relearning; what takes longer counts as not relearned."""

MOST_RETAINED = 2000
"""Most images of the retain set whose features are kept."""

LEARNING_RATE = 1e-3
"""Of Adam, as in the code of the anamnesis index (arXiv 2210.08196)."""


def probe(models: Mapping[str, nn.Module], data: Dataset, split: FrozenSplit, context: Context) -> ProbeOutputs:
    """Probe each of `models`, by name: its features, how fast it relearns, and what training on other images restores.

    Relearning trains on the whole training set, the forget set included; restoring trains on as many retained images as
    were forgotten, for one pass, and never on the forget set.

    Args:
        models, data, split: what to probe.
        context: seed, batch size, device and progress.

    Returns:
        Arrays by probe/model/part: features/unlearned/forget (N, D) float16, relearn/unlearned/forget (2, T),
        restored/unlearned/forget (N, K); and retain_rows, the positions in the retain set of the images whose features
        are kept. A probe that does not apply to a model is missing, with its reason.
    """
    gone, kept, device = split.forgotten(data), split.retained(data), context.device
    rng = np.random.default_rng(derive_seed("probe", context.seed))
    rows = np.sort(rng.permutation(len(kept))[:MOST_RETAINED])
    others = kept.take(np.sort(rng.permutation(len(kept))[: len(gone)]))
    parts = {"forget": gone, "test": data.test, "retain": kept.take(rows)}

    def batches(images: Images) -> Batches:
        size, order = context.preset.training.batch_size, derive_seed("probe order", context.seed)
        return Batches(images, size, device, order)

    def restored(model: nn.Module) -> dict[str, Tensor]:
        one_pass = batches(others)
        return predict(trained_on(model, one_pass, len(one_pass)), {"forget": gone, "test": data.test}, device)

    probes: dict[str, Callable[[nn.Module], dict[str, Tensor]]] = {
        "features": lambda model: {part: features(model, images, device).half() for part, images in parts.items()},
        "relearn": lambda model: {"forget": relearning_curve(model, batches(data.train), gone, STEPS)},
        "restored": restored,
    }
    arrays: dict[str, NDArray[np.generic]] = {"retain_rows": rows}
    missing: dict[str, str] = {}
    for name, model in context.progress.track(models.items(), "models", len(models)):
        for kind, apply in probes.items():
            try:
                results = apply(model)
            except NotApplicableError as reason:
                missing[f"{kind}/{name}"] = str(reason)
            else:
                arrays |= {f"{kind}/{name}/{part}": tensor.numpy() for part, tensor in results.items()}
    return ProbeOutputs(arrays, missing)


@torch.inference_mode()
def features(model: nn.Module, images: Images, device: torch.device, batch_size: int = 512) -> Tensor:
    """Collect the inputs of the last layer for each image, float32 (N, D), in eval mode.

    A memory model passes an image once for each neighbour; its features are the mean over the passes.

    Raises:
        NotApplicableError: the model does not end in a linear layer.
    """
    seen: list[Tensor] = []
    last = head(getattr(model, "backbone", model))[1]
    hook = last.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    rows = []
    try:
        for batch in Batches(images, batch_size, device):
            seen.clear()
            model.eval()(*batch.inputs)
            rows.append(torch.stack(seen).mean(dim=0).float().cpu())
    finally:
        hook.remove()
    return torch.cat(rows)


def relearning_curve(model: nn.Module, batches: Batches, forget: Images, steps: int) -> Tensor:
    """Record mean loss in nats and accuracy in percent on `forget` before each step on a batch and after the last.

    The curve ends early once loss and accuracy satisfy every metric of it (unbench.metrics.relearning). A copy of
    `model` is trained in eval mode: without dropout, and with batch norm's statistics as they are, so that the curve
    depends on the weights alone.

    Returns:
        float32 (2, T), T at most steps + 1: losses, accuracies.

    Raises:
        NotApplicableError: the model has no weights that a gradient reaches.
    """
    points: list[tuple[float, float]] = []
    labels = torch.from_numpy(forget.labels)
    for trainee in _training(model, batches, steps):
        logits = predict(trainee, {"forget": forget}, batches.device)["forget"]
        loss = float(nn.functional.cross_entropy(logits, labels))
        accuracy = 100 * float((logits.argmax(1) == labels).float().mean())
        points.append((loss, accuracy))
        if loss <= LOSS_LEVEL and accuracy >= 100 - MARGIN:
            break
    return torch.tensor(points).T.contiguous()


def trained_on(model: nn.Module, batches: Batches, steps: int) -> nn.Module:
    """Train a copy of `model` for some steps on a batch each; raises NotApplicableError as `relearning_curve`."""
    *_, trained = _training(model, batches, steps)
    return trained


def _training(model: nn.Module, batches: Batches, steps: int) -> Iterator[nn.Module]:
    """Train a copy of a model in eval mode on the cross-entropy; yield it before each step and after the last."""
    trainee = deepcopy(model).eval()
    if not any(parameter.requires_grad for parameter in trainee.parameters()):
        raise NotApplicableError("the model has no weights to train")
    optimizer = torch.optim.Adam(trainee.parameters(), lr=LEARNING_RATE)
    yield trainee
    for batch in islice(chain.from_iterable(repeat(batches)), steps):
        loss = nn.functional.cross_entropy(trainee(*batch.inputs), batch.labels)
        if not loss.requires_grad:
            raise NotApplicableError("no gradient reaches the weights of the model")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield trainee
