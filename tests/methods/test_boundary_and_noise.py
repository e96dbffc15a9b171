"""Boundary shrink and expand, UNSIR, CT, MSG, FCS: identities, steps by hand, and the traps of published code."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from unlearning import TwoParameters, access, access_to_class, gradient, make, one_image, same

from unbench.data import Dataset
from unbench.data.batches import normalise
from unbench.data.images import Images
from unbench.errors import NotApplicableError
from unbench.methods import fcs
from unbench.methods.base import Access, Method
from unbench.methods.boundary_expand import resized
from unbench.methods.boundary_shrink import BoundaryShrink
from unbench.methods.components.adversarial import fgsm
from unbench.methods.components.masks import highest
from unbench.methods.ct import transpose_convolutions
from unbench.methods.fcs import Fcs, contrast
from unbench.methods.msg import MaskedSmallGradients, redraw, up_and_down
from unbench.methods.unsir import Unsir, some_of_each_class
from unbench.models.parts import frozen_copy, head
from unbench.training.loops import by_epoch


class OneLayer(nn.Module):
    """logits = fc(x) for the one pixel x."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(1, 2)

    def forward(self, images: Tensor) -> Tensor:
        return self.fc(images.flatten(1))


class Convolutional(nn.Module):
    """A convolution with a bias, batch norm, global average, four classes."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(1, 5, 3)
        self.norm = nn.BatchNorm2d(5)
        self.fc = nn.Linear(5, 4)
        self.modes: list[bool] = []

    def forward(self, images: Tensor) -> Tensor:
        self.modes.append(self.training)
        return self.fc(self.norm(self.conv(images)).relu().mean((2, 3)))


def state_of(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def hand_over(method: Method, forget: Images, retain: Images, forget_class: int | None = None) -> Access:
    return Access(method.context.card, forget.ids, forget, retain, retain, forget_class)


def spy_on_sgd(method: Method) -> list[torch.optim.Optimizer]:
    made: list[torch.optim.Optimizer] = []
    original = method.sgd

    def sgd(model: nn.Module, **overrides: Any) -> torch.optim.Optimizer:
        made.append(original(model, **overrides))
        return made[-1]

    method.sgd = sgd  # type: ignore[method-assign]
    return made


# Boundary shrink


def test_fgsm_moves_each_value_by_one_step_away_from_the_label() -> None:
    x = torch.full((1, 1, 1, 1), -0.35)
    model = TwoParameters()  # class 0 gains with x
    assert fgsm(model, x, torch.tensor([0]), 0.2).item() == pytest.approx(-0.55)
    assert fgsm(model, x, torch.tensor([1]), 0.2).item() == pytest.approx(-0.15)
    assert model.w.grad is None


def test_fgsm_moves_images_of_which_the_model_is_sure() -> None:
    model = TwoParameters()
    with torch.no_grad():
        model.w.copy_(torch.tensor(1000.0))  # the probability of class 0 is 1 in any float
    moved = fgsm(model, torch.full((1, 1, 1, 1), 0.5), torch.tensor([0]), 0.2)
    assert moved.item() == pytest.approx(0.3)


def shrink(data: Dataset, **hparams: Any) -> BoundaryShrink:
    method = make("boundary_shrink", data, **hparams)
    assert isinstance(method, BoundaryShrink)
    return method


@pytest.mark.parametrize(("step", "neighbour"), [(0.1, 1), (0.05, 0)])
def test_the_step_to_the_neighbour_is_a_share_of_the_pixel_range(step: float, neighbour: int, data: Dataset) -> None:
    # The boundary is at x = -0.5, the pixel at -0.349: 0.1 of [0, 1] reaches it, and 0.1 of [-1, 1] would not.
    found = shrink(data, step=step).neighbours(TwoParameters(), one_image(83, 0, 0))
    assert found.tolist() == [neighbour]


def test_pixels_are_clipped_and_feature_maps_are_not(data: Dataset) -> None:
    method = shrink(data, step=0.1)
    seen: list[float] = []
    model = TwoParameters()
    model.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].item()))
    method.neighbours(model, one_image(0, 0, 0))
    assert seen == [-1.0, -1.0]
    preset = method.context.preset.model_copy(update={"stem": "efficientnet_lite0"})
    method.context = replace(method.context, preset=preset)
    maps = Images(np.full((1, 1, 1, 1), -1, np.float32), np.array([0]), np.array([0]))
    method.neighbours(model, maps)
    assert seen[2:] == pytest.approx([-1.0, -1.2])


def test_neighbours_are_what_the_original_sees_in_eval_mode(data: Dataset) -> None:
    model = Convolutional().train()
    before = state_of(model)
    shrink(data).neighbours(model, data.train)
    assert not any(model.modes)
    assert same(before, state_of(model))


def test_boundary_shrink_steps_to_the_neighbours_label(data: Dataset) -> None:
    method = shrink(data, lr=0.1, momentum=0.0, epochs=1)
    forget = one_image(83, 0, 0)
    model = method.unlearn(TwoParameters(), hand_over(method, forget, forget))
    expected = np.array([0.5, -0.25]) - 0.1 * gradient(83 / 127.5 - 1, 1)
    np.testing.assert_allclose([model.w.item(), model.b.item()], expected, atol=1e-6)  # type: ignore[union-attr, operator]
    assert method.warnings == []


def test_boundary_shrink_says_when_most_images_keep_their_class(data: Dataset) -> None:
    method = shrink(data, step=0.0, epochs=1)
    right = data.train.take(np.arange(8)).relabelled(np.zeros(8))
    model = OneLayer()  # class 0, whatever it sees
    with torch.no_grad():
        model.fc.weight.zero_()
        model.fc.bias.copy_(torch.tensor([1.0, 0.0]))
    right = replace(right, pixels=right.pixels[:, :, :1, :1])
    right = right.relabelled(np.array([0, 0, 0, 0, 0, 0, 1, 1]))
    method.unlearn(model, hand_over(method, right, right))
    assert len(method.warnings) == 1
    assert "75%" in method.warnings[0]


# Boundary expand


def test_boundary_expand_ends_with_the_outputs_it_began_with(data: Dataset) -> None:
    method = make("boundary_expand", data, epochs=1)
    model = method.build(1)
    name, _ = head(model)
    result = method.unlearn(model, access(method, data, forget=4))
    assert type(getattr(result, name)) is nn.Linear
    fresh = method.build(1)
    fresh.load_state_dict(result.state_dict())
    assert getattr(fresh, name).out_features == len(data.classes)


def test_boundary_expand_trains_the_shadow_class_and_then_drops_it(data: Dataset) -> None:
    method = make("boundary_expand", data, lr=0.1, momentum=0.0, epochs=1)
    model = OneLayer()
    wide: list[np.ndarray] = []
    original = method.sgd

    def sgd(model: nn.Module, **overrides: Any) -> torch.optim.Optimizer:
        layer = head(model)[1]
        wide.append(torch.cat([layer.weight, layer.bias[:, None]], dim=1).detach().numpy().copy())
        return original(model, **overrides)

    method.sgd = sgd  # type: ignore[method-assign]
    narrow = torch.cat([model.fc.weight, model.fc.bias[:, None]], dim=1).detach().numpy().copy()
    forget = one_image(255, 1, 0)  # its label is not handed over
    method.unlearn(model, hand_over(method, forget, forget))
    assert wide[0].shape == (3, 2), "the model is expanded before the optimiser is made"
    np.testing.assert_array_equal(wide[0][:2], narrow)
    logits = wide[0] @ np.array([1.0, 1.0])
    p = np.exp(logits) / np.exp(logits).sum()
    expected = wide[0][:2] - 0.1 * np.outer(p[:2], [1.0, 1.0])  # the target is class 2
    np.testing.assert_allclose(
        torch.cat([model.fc.weight, model.fc.bias[:, None]], dim=1).detach().numpy(), expected, atol=1e-6
    )


def test_a_resized_layer_keeps_what_both_have() -> None:
    layer = nn.Linear(3, 4, bias=False)
    wide = resized(layer, 5)
    assert wide.bias is None
    assert torch.equal(wide.weight[:4], layer.weight)
    assert torch.equal(resized(wide, 4).weight, layer.weight)
    assert resized(nn.Linear(3, 4), 5).bias[4] == 0


# UNSIR


def unsir(data: Dataset, **hparams: Any) -> Unsir:
    method = make("unsir", data, **{"noise_images": 6, "noise_copies": 3, **hparams})
    assert isinstance(method, Unsir)
    return method


def test_noise_is_labelled_with_the_forgotten_class(data: Dataset) -> None:
    method = unsir(data)
    retain = access_to_class(method, data, label=2).retain
    noise = torch.randn(6, 1, 8, 8)
    epoch = list(method.impairing(noise, 2, retain, 0))
    rows, labels = (torch.cat(part) for part in zip(*((b.rows, b.labels) for b in epoch), strict=True))
    assert rows.sort().values.tolist() == list(range(len(retain) + 18))
    seen = {int(label) for batch in epoch for label in batch.labels[~torch.isin(batch.labels, torch.tensor([2]))]}
    assert seen == {0, 1, 3}
    assert (labels == 2).sum() == 18
    for batch in epoch:
        is_noise = batch.labels == 2
        copies = batch.images[is_noise]
        assert all(any(torch.equal(image, one) for one in noise) for image in copies)
        kept = batch.rows[batch.rows < len(retain)].numpy()
        assert torch.equal(batch.images[~is_noise], normalise(torch.from_numpy(retain.pixels[kept])))
        np.testing.assert_array_equal(batch.labels[~is_noise].numpy(), retain.labels[kept])
    assert not torch.equal(rows, torch.cat([b.rows for b in method.impairing(noise, 2, retain, 1)]))


def test_noise_is_what_the_original_takes_least_for_the_class(data: Dataset) -> None:
    method = unsir(data, noise_steps=20)
    torch.manual_seed(0)
    model = frozen_copy(method.build(1))
    noise = method.hardest_noise(model, 1)
    assert torch.equal(noise, method.hardest_noise(model, 1))
    assert not torch.equal(noise, method.hardest_noise(model, 2))
    start = unsir(data, noise_steps=1, noise_lr=1e-4).hardest_noise(model, 1)
    labels = torch.ones(6, dtype=torch.long)

    def loss(images: Tensor) -> float:
        return nn.functional.cross_entropy(model(images), labels).item()

    assert loss(noise) > loss(start) + 0.1
    assert noise.square().sum() < start.square().sum()


def test_one_step_of_the_noise_by_hand(data: Dataset) -> None:
    method = unsir(data, noise_images=1, noise_steps=1, noise_lr=0.1, penalty=0.01)
    method.context = replace(method.context, shape=(1, 1))
    drawn = torch.Generator().manual_seed(method.context.seed_for("noise"))
    x = torch.randn(1, generator=drawn).item()
    p0 = 1 / (1 + np.exp(-0.25 - 0.5 * x))
    slope = 2 * 0.01 * x - (p0 - 0) * 0.5  # of 0.01 x^2 - CE((0.5 x, -0.25), 1)
    noise = method.hardest_noise(frozen_copy(TwoParameters()), 1)
    assert noise.item() == pytest.approx(x - 0.1 * np.sign(slope), abs=1e-5)  # Adam's first step is the rate


def test_making_the_noise_leaves_the_model_alone(data: Dataset) -> None:
    method = unsir(data, repair_epochs=0)
    method.impairing = lambda *_: iter(())  # type: ignore[method-assign]
    model = Convolutional().train()
    before = state_of(model)
    method.unlearn(model, access_to_class(method, data))
    assert same(before, state_of(model)), "batch-norm statistics included"


def test_unsir_forgets_the_class_and_not_the_others(data: Dataset) -> None:
    method = unsir(data, noise_images=32, noise_copies=2, impair_lr=3e-3, repair_lr=1e-3)
    model = method.train(data.train, 0)
    method.unlearn(model, access_to_class(method, data)).eval()
    with torch.inference_mode():
        predicted = model(normalise(torch.from_numpy(np.array(data.train.pixels)))).argmax(1).numpy()
    gone = data.train.labels == 1
    assert (predicted[gone] == 1).mean() < 0.5 < (predicted[~gone] == data.train.labels[~gone]).mean()


def test_unsir_needs_a_class(data: Dataset) -> None:
    method = unsir(data)
    with pytest.raises(NotApplicableError, match="class"):
        method.unlearn(method.build(1), access(method, data))


def test_some_of_each_class_are_drawn_from_the_whole_class(data: Dataset) -> None:
    few = some_of_each_class(data.train, 5, seed=0)
    assert np.bincount(few.labels).tolist() == [5] * len(data.classes)
    assert not np.array_equal(few.ids, some_of_each_class(data.train, 5, seed=1).ids)
    all_of_them = some_of_each_class(data.train, 1000, seed=0)
    np.testing.assert_array_equal(all_of_them.ids, data.train.ids)


# Convolution transpose


def test_transposing_twice_changes_nothing(data: Dataset) -> None:
    model = make("ct", data, model="resnet18").build(1)  # it has kernels of 1x1 and of 3x3
    before, parameters = state_of(model), list(model.parameters())
    transpose_convolutions(model)
    once = state_of(model)
    moved = {name for name in before if not torch.equal(before[name], once[name])}
    assert moved == {name for name, tensor in before.items() if tensor.ndim == 4 and tensor.shape[2] > 1}
    assert torch.equal(once["conv1.weight"], before["conv1.weight"].transpose(2, 3))
    assert all(a is b for a, b in zip(parameters, model.parameters(), strict=True)), "no optimiser would lose sight"
    assert all(parameter.is_contiguous() for parameter in parameters)
    transpose_convolutions(model)
    assert same(before, state_of(model))


def test_ct_trains_the_transposed_kernels(data: Dataset) -> None:
    method = make("ct", data, lr=1e-6, weight_decay=0.0, epochs=1)
    model = Convolutional()
    turned = model.conv.weight.detach().transpose(2, 3).clone()
    method.unlearn(model, access(method, data))
    assert not torch.equal(model.conv.weight, turned)
    assert torch.allclose(model.conv.weight, turned, atol=1e-4)


@pytest.mark.parametrize("name", ["ct", "msg"])
def test_a_model_without_convolutions_but_a_patch_embedding_is_refused(name: str, data: Dataset) -> None:
    method = make(name, data)
    transformer = make("ft", data).build(1)
    with pytest.raises(NotApplicableError, match="patch embedding"):
        method.unlearn(transformer, access(method, data))
    with pytest.raises(NotApplicableError, match="larger than 1x1"):
        method.unlearn(nn.Sequential(nn.Conv2d(1, 2, 1, stride=2)), access(method, data))


def test_kernels_that_are_not_square_are_refused() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Conv2d(2, 2, (1, 3)))
    before = state_of(model)
    with pytest.raises(NotApplicableError, match="square"):
        transpose_convolutions(model)
    assert same(before, state_of(model))


def rates_of(name: str, data: Dataset, epochs: int) -> list[float]:
    """Learning rates at each step of a method that fine-tunes on two batches of retain images."""
    method = make(name, data, lr=1.0, epochs=epochs, momentum=0.0, weight_decay=0.0)
    made, rates = spy_on_sgd(method), []
    model = Convolutional()
    model.register_forward_pre_hook(lambda *_: rates.append(made[0].param_groups[0]["lr"]) if made else None)
    retain = data.train.take(np.arange(64))
    method.unlearn(model, hand_over(method, data.train.take(np.arange(64, 70)), retain))
    return rates


def test_ct_rates_follow_a_cosine_from_epoch_to_epoch(data: Dataset) -> None:
    assert rates_of("ct", data, 3) == pytest.approx([1, 1, 0.75, 0.75, 0.25, 0.25])


def test_msg_rates_rise_and_fall_from_epoch_to_epoch(data: Dataset) -> None:
    assert rates_of("msg", data, 3) == pytest.approx([0.5, 0.5, 1, 1, 0.5, 0.5])
    assert [up_and_down(e, 5) for e in range(5)] == pytest.approx([1 / 3, 2 / 3, 1, 2 / 3, 1 / 3])
    assert [up_and_down(e, 4) for e in range(4)] == pytest.approx([1 / 2, 1, 2 / 3, 1 / 3])
    assert up_and_down(0, 1) == 1


def test_rates_by_epoch_start_with_the_first() -> None:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=2.0)
    schedule = by_epoch(optimizer, 2, lambda epoch: 1 / (1 + epoch))
    rates = []
    for _ in range(4):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert rates == [2.0, 2.0, 1.0, 1.0]


# Masked small gradients


def msg(data: Dataset, **hparams: Any) -> MaskedSmallGradients:
    method = make("msg", data, **hparams)
    assert isinstance(method, MaskedSmallGradients)
    return method


def test_the_smallest_entries() -> None:
    values = torch.tensor([[3.0, 1.0], [1.0, 0.5]])
    assert highest([-values], 0.5)[0].tolist() == [[False, True], [False, True]]
    assert not highest([-values], 0.0)[0].any()
    assert highest([-values], 1.0)[0].all()


def test_the_mask_is_where_retain_and_forget_gradients_cancel(data: Dataset) -> None:
    # 40 images in batches of 32: were batch means added up, the last 8 images would count four times as much.
    method = msg(data, share=0.3)
    forget, retain = data.train.take(np.arange(40)), data.train.take(np.arange(40, 80))
    model = Convolutional().train()
    before = state_of(model)
    ((weight, mask),) = method.masks(model, hand_over(method, forget, retain)).items()
    assert weight is model.conv.weight
    assert not any(model.modes), "in eval mode"
    assert model.training, "and then back in the mode that it had"
    assert same(before, state_of(model))
    model.eval()

    def grad(images: Images) -> Tensor:
        logits = model(normalise(torch.from_numpy(images.pixels)))
        loss = nn.functional.cross_entropy(logits, torch.from_numpy(images.labels))
        return torch.autograd.grad(loss, model.conv.weight)[0]

    pull = (grad(retain) - grad(forget)).abs()
    assert mask.sum() == round(0.3 * mask.numel())
    assert pull[mask].max() <= pull[~mask].min() + 1e-7


def test_as_many_retain_images_as_there_are_to_forget_are_weighed(data: Dataset) -> None:
    method = msg(data)
    sizes: list[int] = []
    original = method.pulls

    def spy(model: nn.Module, weights: list[Tensor], retain: Images, forget: Images) -> list[Tensor]:
        sizes.extend([len(retain), len(forget)])
        return original(model, weights, retain, forget)

    method.pulls = spy  # type: ignore[method-assign]
    method.masks(Convolutional(), access(method, data, forget=12))
    assert sizes == [12, 12]


def test_redrawing_is_kaiming_and_spares_the_rest() -> None:
    conv = nn.Conv2d(32, 64, 3)
    before = conv.weight.detach().clone()
    bias = conv.bias.detach().clone()  # type: ignore[union-attr]
    mask = torch.rand(conv.weight.shape) < 0.5
    torch.manual_seed(0)
    redraw({conv.weight: mask})
    assert torch.equal(conv.weight[~mask], before[~mask])
    assert torch.equal(conv.bias, bias)  # type: ignore[arg-type]
    assert conv.weight[mask].std().item() == pytest.approx(np.sqrt(2 / (64 * 9)), rel=0.05)


def test_msg_redraws_the_share_and_keeps_biases(data: Dataset) -> None:
    method = msg(data, lr=1e-6, epochs=1, weight_decay=0.0)
    model = Convolutional()
    before = state_of(model)
    method.unlearn(model, access(method, data))
    moved = (model.conv.weight - before["conv.weight"]).abs() > 1e-4
    assert moved.sum() == round(0.3 * moved.numel())
    assert torch.allclose(model.conv.bias, before["conv.bias"], atol=1e-4)  # type: ignore[arg-type]
    assert method.warnings == []
    assert not any(parameter._backward_hooks for parameter in model.parameters()), "nothing is left hanging"


def test_with_share_0_nothing_is_redrawn_and_kernels_take_a_tenth_of_a_step(data: Dataset) -> None:
    method = msg(data, share=0.0, lr=0.1, epochs=1, momentum=0.9, weight_decay=0.5)
    retain = data.train.take(np.arange(16))
    model, twin = Convolutional(), Convolutional()
    start = state_of(model)
    method.unlearn(model, hand_over(method, data.train.take(np.arange(16, 20)), retain))
    assert method.warnings == ["no weight was redrawn"]
    twin.train()
    logits = twin(normalise(torch.from_numpy(retain.pixels)))
    nn.functional.cross_entropy(logits, torch.from_numpy(retain.labels)).backward()
    for name, parameter in twin.named_parameters():
        rate = 0.1 if name == "conv.weight" else 1.0
        assert parameter.grad is not None
        # Weight decay is scaled with the gradient: were it whole, kernels would shrink five per cent.
        expected = start[name] - rate * 0.1 * (parameter.grad + 0.5 * start[name])
        assert torch.allclose(model.get_parameter(name), expected, atol=1e-6), name


def test_kept_weights_at_rate_0_do_not_move_by_a_bit(data: Dataset) -> None:
    method = msg(data, kept_rate=0.0, lr=0.1, epochs=2, weight_decay=0.1)
    model = Convolutional()
    handed = access(method, data)
    ((_, mask),) = method.masks(model, handed).items()
    before = state_of(model)
    method.unlearn(model, handed)
    assert torch.equal(model.conv.weight[~mask], before["conv.weight"][~mask])
    assert (model.conv.weight[mask] != before["conv.weight"][mask]).all()


# FCS


def the_fcs(data: Dataset, **hparams: Any) -> Fcs:
    method = make("fcs", data, **hparams)
    assert isinstance(method, Fcs)
    return method


def entropy(model: nn.Module, images: Images) -> float:
    model.eval()
    with torch.inference_mode():
        p = model(normalise(torch.from_numpy(np.array(images.pixels)))).softmax(1)
    return -(p * p.log()).sum(1).mean().item()


def test_stage_one_alone_raises_the_entropy_of_the_forget_set(data: Dataset) -> None:
    method = the_fcs(data, epochs=0, uniform_lr=5e-4)
    torch.manual_seed(0)
    model = method.build(1)
    with torch.no_grad():
        head(model)[1].weight.mul_(5)  # surer of itself
    start, handed = state_of(model), access(method, data)
    before = entropy(model, handed.forget)
    method.unlearn(model, handed)
    assert entropy(model, handed.forget) > before + 0.05
    twin = method.build(1)
    twin.load_state_dict(start)
    method.flatten(twin, handed.forget.without_labels())
    assert same(state_of(model), state_of(twin)), "it is one pass over the forget set, and nothing else"


def test_the_contrast_loss_by_hand() -> None:
    forget, retain = torch.tensor([[2.0, 0.0]]), torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    # Inner products 2, 0, 2; over temperature 2: 1, 0, 1.
    expected = np.log(2 * np.e + 1) - 2 / 3
    assert contrast(forget, retain, 2.0).item() == pytest.approx(expected)
    assert contrast(torch.zeros(3, 2), retain, 1.15).item() == pytest.approx(np.log(3)), "least at uniform similarity"


def test_one_contrast_step_by_hand_takes_no_gradient_of_the_retain_images(data: Dataset) -> None:
    still = {"uniform_lr": 1e-6, "retain_lr": 1e-6, "momentum": 0.0, "weight_decay": 0.0}
    method = the_fcs(data, epochs=1, contrast_lr=0.5, temperature=1.15, **still)
    retain = Images.join(one_image(255, 0, 1), one_image(51, 1, 2))  # pixels +1 and -0.6
    model = method.unlearn(TwoParameters(), hand_over(method, one_image(204, 1, 0), retain))  # pixel 0.6
    anchors = np.array([[0.5, -0.25], [-0.3, -0.25]])
    similar = anchors @ np.array([0.3, -0.25]) / 1.15
    p = np.exp(similar) / np.exp(similar).sum()
    slope = (p - 0.5) @ anchors / 1.15  # by the forget image's logits
    expected = np.array([0.5, -0.25]) - 0.5 * slope * np.array([0.6, 1.0])
    np.testing.assert_allclose([model.w.item(), model.b.item()], expected, atol=1e-5)  # type: ignore[union-attr, operator]


def test_contrast_rounds_are_as_long_as_the_forget_set(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    method = the_fcs(data, epochs=2)
    sizes: list[tuple[int, int]] = []

    def spy(forget: Tensor, retain: Tensor, temperature: float) -> Tensor:
        sizes.append((len(forget), len(retain)))
        return contrast(forget, retain, temperature)

    monkeypatch.setattr(fcs, "contrast", spy)
    method.unlearn(method.build(1), access(method, data, forget=40))
    assert sizes == [(32, 32), (8, 32)] * 2


def test_fcs_has_three_optimisers_with_the_published_rules(data: Dataset) -> None:
    method = the_fcs(data, epochs=1)
    made = spy_on_sgd(method)
    method.unlearn(method.build(1), access(method, data))
    uniform, contrasting, stabilising = (optimizer.param_groups[0] for optimizer in made)
    assert (uniform["lr"], uniform["weight_decay"], uniform["momentum"]) == (0.005, 0.0, 0.9)
    assert (contrasting["initial_lr"], contrasting["weight_decay"]) == (3e-4, 0.0)
    assert contrasting["lr"] == pytest.approx(1e-6), "where the cosine ends"
    assert stabilising["lr"] == pytest.approx(0.001 * 32 / 64), "in proportion to the batch"
    assert stabilising["weight_decay"] == 0.01
