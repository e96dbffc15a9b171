"""Gradients of single examples: the same as one by one, for every model, in bounded memory."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from unlearning import TwoParameters, gradient

from unbench.data.batches import normalise
from unbench.data.images import Images
from unbench.methods.components import gradients
from unbench.methods.components.gradients import (
    chunk_size,
    fisher_diagonal,
    mean_over_examples,
    per_example_gradients,
    weighted_gradient,
)
from unbench.models.parts import frozen_copy
from unbench.models.resnet import ResNet18
from unbench.models.vit import VisionTransformer

CLASSES = 3


def vit() -> nn.Module:
    torch.manual_seed(0)
    return VisionTransformer(image_size=8, channels=1, classes=CLASSES, width=16, depth=2, heads=2, patch=4)


def resnet() -> nn.Module:
    """With running statistics of batch norm that are not those of the images."""
    torch.manual_seed(0)
    model = ResNet18(image_size=8, channels=1, classes=CLASSES)
    for name, buffer in model.named_buffers():
        if name.endswith("running_mean"):
            buffer.uniform_(-0.5, 0.5)
        elif name.endswith("running_var"):
            buffer.uniform_(0.5, 1.5)
    return model


def noise(count: int, side: int = 8) -> Images:
    draw = np.random.default_rng(0)
    pixels = draw.integers(0, 256, (count, 1, side, side), dtype=np.uint8)
    return Images(pixels, draw.integers(0, CLASSES, count), np.arange(count))


def inputs(images: Images) -> tuple[Tensor, Tensor]:
    return normalise(torch.from_numpy(images.pixels)), torch.from_numpy(images.labels)


def one_by_one(model: nn.Module, images: Images, loss: Callable[..., Tensor] = cross_entropy) -> list[list[Tensor]]:
    """The gradients of each example by each parameter, by one backward pass after the other."""
    model = model.eval()
    pairs = zip(*inputs(images), strict=True)
    return [
        list(torch.autograd.grad(loss(model(image[None]), label[None]), list(model.parameters())))
        for image, label in pairs
    ]


def assert_close(found: dict[str, Tensor], expected: list[Tensor]) -> None:
    """To 1e-5 of the largest value of each parameter."""
    for (name, value), other in zip(found.items(), expected, strict=True):
        assert value.shape == other.shape
        assert (value - other).abs().max() <= 1e-5 * other.abs().max() + 1e-12, name


@pytest.mark.parametrize("make", [vit, resnet])
def test_gradients_are_those_of_examples_one_by_one(make: Callable[[], nn.Module]) -> None:
    model, images = make(), noise(3)
    found = per_example_gradients(model, *inputs(images))
    assert list(found) == [name for name, _ in model.named_parameters()]
    assert all(value.abs().max() > 0 for value in found.values())
    assert_close(found, [torch.stack(parts) for parts in zip(*one_by_one(model, images), strict=True)])


@pytest.mark.parametrize("make", [vit, resnet])
def test_mean_squares_are_those_of_examples_one_by_one(make: Callable[[], nn.Module]) -> None:
    model, images = make(), noise(3)
    expected = [torch.stack(parts).square().mean(0) for parts in zip(*one_by_one(model, images), strict=True)]
    assert_close(mean_over_examples(model, images, torch.square), expected)


def test_any_loss_of_the_logits_will_do() -> None:
    def loss(logits: Tensor, label: Tensor) -> Tensor:
        return logits.square().sum() * (1 + label.sum())

    model, images = vit(), noise(4)
    expected = [torch.stack(parts).abs().mean(0) for parts in zip(*one_by_one(model, images, loss), strict=True)]
    assert_close(mean_over_examples(model, images, torch.abs, loss), expected)


def test_a_model_is_left_as_it_was() -> None:
    model, images = resnet().train(), noise(2)
    model.layer1.eval()  # type: ignore[union-attr, operator]
    modes = [module.training for module in model.modules()]
    before = {name: value.clone() for name, value in model.state_dict().items()}
    per_example_gradients(model, *inputs(images))
    weighted_gradient(model, images, torch.ones(2))
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_chunks_change_nothing_and_are_never_larger_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    model, images, seen = vit(), noise(11), []
    whole = mean_over_examples(model, images, torch.square), fisher_diagonal(model, images)

    def spy(model: nn.Module, images: Tensor, *rest: object) -> dict[str, Tensor]:
        seen.append(len(images))
        return per_example_gradients(model, images, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(gradients, "per_example_gradients", spy)
    size = 4 * sum(parameter.numel() for parameter in model.parameters())
    for limit in (1, 2, 4):  # fewer than classes, and more
        monkeypatch.setattr(gradients, "CHUNK_BYTES", limit * size)
        parts = mean_over_examples(model, images, torch.square), fisher_diagonal(model, images)
        assert max(seen) == limit == chunk_size(model)
        assert_close(parts[0], list(whole[0].values()))
        assert_close(parts[1], list(whole[1].values()))
        seen.clear()


def test_a_chunk_is_never_empty_or_endless(monkeypatch: pytest.MonkeyPatch) -> None:
    assert chunk_size(TwoParameters()) == gradients.LARGEST_CHUNK
    monkeypatch.setattr(gradients, "CHUNK_BYTES", 1)
    assert chunk_size(vit()) == 1


def test_fisher_information_of_two_parameters_by_hand() -> None:
    # logits (w x, b): d log p(y) / d(w, b) = (onehot - p) (x, 1), so E_y of its square is p0 p1 (x^2, 1).
    xs = [1.0, -0.6]
    images = Images(np.array([255, 51], dtype=np.uint8).reshape(2, 1, 1, 1), np.array([-1, -1]), np.arange(2))
    expected = np.zeros(2)
    for x in xs:
        p = np.exp([0.5 * x, -0.25]) / np.exp([0.5 * x, -0.25]).sum()
        expected += p[0] * p[1] * np.array([x**2, 1]) / len(xs)
    found = fisher_diagonal(TwoParameters(), images)
    np.testing.assert_allclose([found["w"], found["b"]], expected, rtol=1e-5)


def test_fisher_information_is_expected_over_what_the_model_believes() -> None:
    model, images = vit(), noise(5)
    with torch.no_grad():
        beliefs = model.eval()(inputs(images)[0]).softmax(1)
    expected = [torch.zeros_like(parameter) for parameter in model.parameters()]
    for y in range(CLASSES):
        for belief, parts in zip(beliefs, one_by_one(model, images.relabelled(np.full(5, y))), strict=True):
            expected = [total + belief[y] * part.square() / 5 for total, part in zip(expected, parts, strict=True)]
    assert_close(fisher_diagonal(model, images.without_labels()), expected)


def test_a_weighted_gradient_by_hand() -> None:
    images = Images(np.array([255, 51], dtype=np.uint8).reshape(2, 1, 1, 1), np.array([0, 1]), np.arange(2))
    found = weighted_gradient(TwoParameters(), images, torch.tensor([2.0, -0.5]), batch_size=1)
    expected = 2 * gradient(1.0, 0) - 0.5 * gradient(-0.6, 1)
    np.testing.assert_allclose([found["w"], found["b"]], expected, rtol=1e-5)


def test_fused_layers_are_not_entered(monkeypatch: pytest.MonkeyPatch) -> None:
    # In eval mode and where nothing requires a gradient, a transformer layer takes a path that has none.
    def fused(*_: object) -> Tensor:
        raise AssertionError("entered")

    monkeypatch.setattr(torch, "_transformer_encoder_layer_fwd", fused)
    model, images = frozen_copy(vit()), noise(3)
    with torch.no_grad(), pytest.raises(AssertionError, match="entered"):
        model(inputs(images)[0])
    assert all(value.max() > 0 for value in fisher_diagonal(model, images).values())
    assert torch.backends.mha.get_fastpath_enabled()


def test_fused_layers_are_allowed_again_after_an_error() -> None:
    with pytest.raises(RuntimeError):
        per_example_gradients(vit(), torch.zeros(2, 3, 8, 8), torch.zeros(2, dtype=torch.int64))
    assert torch.backends.mha.get_fastpath_enabled()


def test_no_operation_falls_back_to_a_loop_over_examples() -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*performance drop.*")
        per_example_gradients(vit(), *inputs(noise(2)))
