"""What tests of methods share: a method on the synthetic data set, what it is handed, a model to follow by hand."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from unbench.config import registry
from unbench.config.cards import Value
from unbench.data import Dataset
from unbench.data.batches import Batches
from unbench.data.images import Images
from unbench.methods.base import Access, Context, Method, load_method
from unbench.progress import Progress

CPU = torch.device("cpu")


def make(name: str, data: Dataset, model: str = "vit", **hparams: Value) -> Method:
    """A method with its defaults but for `hparams`, for models of preset smoke."""
    card = registry.method(name)
    preset = registry.dataset("synthetic").presets["smoke"]
    if card.models and model not in card.models:
        model = card.models[0]
    if model != preset.model:
        preset = preset.model_copy(update={"model": model, "model_options": {}})
    channels, side = data.train.pixels.shape[1:3]
    settings = card.resolve_hparams(hparams)
    context = Context(
        card, settings, preset, (channels, side), len(data.classes), channels * side**2, 0, CPU, Progress()
    )
    method: Method = load_method(card)(context)
    return method


def access(method: Method, data: Dataset, forget: int = 20) -> Access:
    """What `method` is handed to forget the first images."""
    return access_to_rows(method, data, np.arange(forget))


def access_to_class(method: Method, data: Dataset, label: int = 1) -> Access:
    """What `method` is handed to forget a class."""
    return access_to_rows(method, data, np.flatnonzero(data.train.labels == label), label)


def access_to_rows(method: Method, data: Dataset, rows: np.ndarray, forget_class: int | None = None) -> Access:
    """What `method` is handed to forget the training images at `rows`."""
    gone = data.train.take(rows)
    kept = data.train.take(np.setdiff1d(np.arange(len(data.train)), rows))
    return Access(method.context.card, gone.ids, gone, kept, data.val, forget_class)


def weights_after(name: str, data: Dataset, **hparams: Value) -> dict[str, torch.Tensor]:
    """The state of an untrained model, always the same, after unlearning."""
    method = make(name, data, **hparams)
    torch.manual_seed(0)
    model = method.build(len(data.train))
    return dict(method.unlearn(model, access(method, data)).state_dict())


def labels_seen(method: Method) -> list[np.ndarray]:
    """The labels of each set that `method` will ask batches of, filled as it does."""
    seen: list[np.ndarray] = []
    original = method.batches

    def spy(images: Images, purpose: str, batch_size: int | None = None) -> Batches:
        seen.append(images.labels.copy())
        return original(images, purpose, batch_size)

    method.batches = spy  # type: ignore[method-assign]
    return seen


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(a[name], b[name]) for name in a)


class TwoParameters(nn.Module):
    """logits = (w * x, b) for the one pixel x."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.tensor(0.5))
        self.b = nn.Parameter(torch.tensor(-0.25))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = images.flatten(1)[:, 0]
        return torch.stack([self.w * x, self.b.expand(len(x))], dim=1)


def one_image(value: int, label: int, example: int) -> Images:
    return Images(np.full((1, 1, 1, 1), value, dtype=np.uint8), np.array([label]), np.array([example]))


def gradient(x: float, label: int, w: float = 0.5, b: float = -0.25) -> np.ndarray:
    """d CE / d (w, b) by hand: p - onehot, times (x, 1)."""
    p = np.exp([w * x, b]) / np.exp([w * x, b]).sum()
    p[label] -= 1
    return np.array([p[0] * x, p[1]])
