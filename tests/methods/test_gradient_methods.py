"""Fine-tuning, ascent, both at once, random labels: identities, and steps followed by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from unlearning import CPU, TwoParameters, access, gradient, labels_seen, make, one_image, same, weights_after

from unbench.data import Dataset
from unbench.data.batches import Batches, PairedBatches, normalise
from unbench.methods.base import Access


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
    handed = Access(method.context.card, forget.ids, forget, retain, retain)
    model = method.unlearn(TwoParameters(), handed)
    step = forget_weight * gradient(1.0, 0) + retain_weight * gradient(-0.6, 1)
    expected = np.array([0.5, -0.25]) - 0.1 * step
    np.testing.assert_allclose([model.w.item(), model.b.item()], expected, atol=1e-6)  # type: ignore[union-attr, operator]


def test_random_labels_are_drawn_anew_each_epoch_and_over_all_classes(data: Dataset) -> None:
    method = make("random_label", data, epochs=3, lr=1e-6)
    seen = labels_seen(method)
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
