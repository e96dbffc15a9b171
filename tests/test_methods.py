"""Every registered method: it runs on what it claims, with what it declares, the same way twice."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from unbench import registry
from unbench.batches import Batches, PairedBatches, normalise
from unbench.check import check_method
from unbench.data import Dataset, load_dataset
from unbench.data.images import Images
from unbench.errors import AccessError
from unbench.methods.base import Access, Context, Method
from unbench.progress import Progress

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def data() -> Dataset:
    card = registry.dataset("synthetic")
    return load_dataset(card, card.presets["smoke"])


def make(name: str, data: Dataset, **hparams: float) -> Method:
    card = registry.method(name)
    preset = registry.dataset("synthetic").presets["smoke"]
    channels, side = data.train.pixels.shape[1:3]
    settings = card.resolve_hparams(hparams)
    context = Context(
        card, settings, preset, (channels, side), len(data.classes), channels * side**2, 0, CPU, Progress()
    )
    method: Method = registry.load_code(card)(context)
    return method


def access(method: Method, data: Dataset, forget: int = 20) -> Access:
    rows = np.arange(len(data.train))
    gone, kept = data.train.take(rows[:forget]), data.train.take(rows[forget:])
    return Access(method.context.card, gone.ids, gone, kept)


def weights_after(name: str, data: Dataset, **hparams: float) -> dict[str, torch.Tensor]:
    method = make(name, data, **hparams)
    torch.manual_seed(0)
    model = method.build(len(data.train))
    return dict(method.unlearn(model, access(method, data)).state_dict())


@pytest.mark.parametrize("name", registry.methods())
def test_passes_the_check_of_the_tool(name: str, tmp_path_factory: pytest.TempPathFactory, results: object) -> None:
    outcomes = list(check_method(name, str(results)))
    assert outcomes
    assert [str(result) for result in outcomes if result.outcome != "passed"] == []


@pytest.mark.parametrize("name", registry.methods())
@pytest.mark.parametrize("need", ["forget_images", "retain_images"])
def test_is_handed_what_it_declares_and_nothing_else(name: str, need: str, data: Dataset) -> None:
    method = make(name, data)
    handed = access(method, data)
    reach = {"forget_images": lambda: handed.forget, "retain_images": lambda: handed.retain}[need]
    if need in method.context.card.needs:
        assert len(reach()) > 0
        known = "labels" in method.context.card.needs
        assert (reach().labels >= 0).all() == known
    else:
        with pytest.raises(AccessError, match=need):
            reach()
        held = [value for value in vars(handed).values() if isinstance(value, dict)]
        assert need not in held[0], "what is not declared is not even there"


def test_munkey_is_handed_ids_alone(data: Dataset) -> None:
    handed = access(make("munkey", data), data)
    assert vars(handed) == {"forget_ids": handed.forget_ids, "_method": "munkey", "_held": {}}


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(a[name], b[name]) for name in a)


def test_none_changes_nothing(data: Dataset) -> None:
    torch.manual_seed(0)
    assert same(weights_after("none", data), make("none", data).build(1).state_dict()) is False  # another draw
    method = make("none", data)
    model = method.build(1)
    assert method.unlearn(model, access(method, data)) is model


def test_a_rate_of_nearly_nothing_changes_nearly_nothing(data: Dataset) -> None:
    method = make("ft", data)
    torch.manual_seed(0)
    start = method.build(1).state_dict()
    for name in ("ft", "ga", "neggrad_plus", "random_label"):
        after = weights_after(name, data, lr=1e-6, weight_decay=0.0, epochs=1)
        assert not same(start, after), name
        assert all(torch.allclose(start[k], after[k], atol=1e-4) for k in start), name


def test_neggrad_plus_with_alpha_1_is_fine_tuning_to_the_bit(data: Dataset) -> None:
    # The order of the retain set is drawn per method; give both the same one.
    plus, ft = make("neggrad_plus", data, alpha=1.0, epochs=2), make("ft", data, epochs=2)
    plus.batches = ft.batches  # type: ignore[method-assign]
    torch.manual_seed(0)
    model = ft.build(1)
    twin = ft.build(1)
    twin.load_state_dict(model.state_dict())
    a = ft.unlearn(model, access(ft, data)).state_dict()
    b = plus.unlearn(twin, access(plus, data)).state_dict()
    assert same(a, b)


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


@pytest.mark.parametrize(
    ("name", "hparams", "forget_weight", "retain_weight"),
    [
        ("ft", {}, 0.0, 1.0),
        ("ga", {}, -1.0, 0.0),
        ("neggrad_plus", {"alpha": 0.7}, -0.3, 0.7),
    ],
)
def test_one_step_by_hand(
    name: str, hparams: dict[str, float], forget_weight: float, retain_weight: float, data: Dataset
) -> None:
    method = make(name, data, lr=0.1, momentum=0.0, weight_decay=0.0, epochs=1, **hparams)
    forget, retain = one_image(255, 0, 0), one_image(51, 1, 1)  # pixels +1 and -0.6
    handed = Access(method.context.card, forget.ids, forget, retain)
    model = method.unlearn(TwoParameters(), handed)
    step = forget_weight * gradient(1.0, 0) + retain_weight * gradient(-0.6, 1)
    expected = np.array([0.5, -0.25]) - 0.1 * step
    np.testing.assert_allclose([model.w.item(), model.b.item()], expected, atol=1e-6)  # type: ignore[union-attr, operator]


def test_random_labels_are_drawn_anew_each_epoch_and_over_all_classes(data: Dataset) -> None:
    method = make("random_label", data, epochs=3, lr=1e-6)
    seen: list[np.ndarray] = []
    original = method.batches

    def spy(images: Images, purpose: str, batch_size: int | None = None) -> Batches:
        seen.append(images.labels.copy())
        return original(images, purpose, batch_size)

    method.batches = spy  # type: ignore[method-assign]
    method.unlearn(method.build(1), access(method, data, forget=60))
    assert len(seen) == 3
    assert all(not np.array_equal(seen[0][:60], later[:60]) for later in seen[1:])
    assert set(np.concatenate([labels[:60] for labels in seen])) == set(range(len(data.classes)))
    for labels in seen:
        np.testing.assert_array_equal(labels[60:], data.train.labels[60:])


def test_pairs_repeat_the_forget_set_in_a_new_order(data: Dataset) -> None:
    retain = Batches(data.train, 10, CPU, seed=0)
    forget = Batches(data.train.take(np.arange(12)), 6, CPU, seed=0)
    pairs = list(PairedBatches(retain, forget))
    assert len(pairs) == len(retain)
    rows = [pair[1].rows.tolist() for pair in pairs]
    assert sorted(rows[0] + rows[1]) == sorted(rows[2] + rows[3]) == list(range(12))
    assert rows[0] + rows[1] != rows[2] + rows[3]


def test_gradient_ascent_raises_the_loss_of_the_forget_set(data: Dataset) -> None:
    method = make("ga", data, lr=1e-3)
    torch.manual_seed(0)
    model = method.build(1)
    handed = access(method, data)
    pixels = normalise(torch.from_numpy(np.ascontiguousarray(handed.forget.pixels)))
    labels = torch.from_numpy(handed.forget.labels)

    def loss() -> float:
        with torch.inference_mode():
            return nn.functional.cross_entropy(model(pixels), labels).item()

    before = loss()
    method.unlearn(model, handed)
    assert loss() > before
