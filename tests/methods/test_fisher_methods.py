"""Dampening, influence and Fisher forgetting: identities, steps followed by hand, and the official codes' mistakes."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector
from unlearning import TwoParameters, access, access_to_class, gradient, make, one_image, same, weights_after

from unbench.data import Dataset
from unbench.data.images import Images
from unbench.errors import NotApplicableError
from unbench.methods import influence
from unbench.methods.base import Access, Method
from unbench.methods.fisher import noise_variance
from unbench.methods.influence import gradient_rows, inverse_fisher_product
from unbench.methods.ssd import dampening

NAMES = ("ssd", "lfssd", "influence", "fisher")


def two_images(method: Method) -> Access:
    """To forget x = 1 of class 0, and to keep x = -0.6 of class 1."""
    forget, retain = one_image(255, 0, 0), one_image(51, 1, 1)
    return Access(method.context.card, forget.ids, forget, retain, retain)


def after(method: Method, handed: Access) -> list[float]:
    model = method.unlearn(TwoParameters(), handed)
    return [model.w.item(), model.b.item()]  # type: ignore[union-attr, operator]


def start(data: Dataset) -> dict[str, Tensor]:
    """The model that `weights_after` starts from."""
    torch.manual_seed(0)
    return dict(make("ssd", data).build(1).state_dict())


# Dampening


def test_dampening_by_hand() -> None:
    of_all = torch.tensor([1.0, 1.0, 1.0, 1.0, 2.0])
    of_forget = torch.tensor([0.5, 2.0, 2.1, 4.0, 16.0])
    expected = torch.tensor([1.0, 1.0, 1 / 2.1, 0.25, 0.125])
    torch.testing.assert_close(dampening(of_all, of_forget, alpha=2, strength=1), expected)


def test_what_matters_to_nothing_is_not_dampened() -> None:
    nothing = torch.zeros(3)
    for alpha in (0.0, 1.0, math.inf):
        assert torch.equal(dampening(nothing, nothing, alpha, strength=1), torch.ones(3))


@pytest.mark.parametrize("alpha", [math.inf, 1e12])
def test_infinitely_selective_dampening_is_the_identity(alpha: float) -> None:
    of_forget = torch.logspace(-20, 20, 41)
    assert torch.equal(dampening(of_forget * 0.1, of_forget, alpha, strength=0.01), torch.ones(41))
    assert torch.equal(dampening(torch.zeros(2), torch.zeros(2), alpha, strength=0.01), torch.ones(2))


def test_dampening_never_enlarges_a_weight() -> None:
    of_all, of_forget = torch.tensor([1.0, 1.0, 3.0]), torch.tensor([2.0, 5.0, 3.0])
    assert torch.equal(dampening(of_all, of_forget, alpha=0.1, strength=5), torch.ones(3))


@pytest.mark.parametrize("name", ["ssd", "lfssd"])
@pytest.mark.parametrize("hparams", [{"alpha": 1e12}, {"alpha": 1e-3, "lambda": 1e6}])
def test_a_method_that_dampens_nothing_changes_nothing_and_says_so(
    name: str, hparams: dict[str, float], data: Dataset
) -> None:
    assert same(start(data), weights_after(name, data, **hparams))
    method = make(name, data, **hparams)
    method.unlearn(TwoParameters(), two_images(method))
    assert len(method.warnings) == 1
    assert method.warnings[0].startswith("none of the parameters were dampened")
    assert ("none can be" in method.warnings[0]) == (hparams["alpha"] == 1e12)


def test_a_method_that_dampens_next_to_nothing_says_so(data: Dataset) -> None:
    method = make("ssd", data)
    method.report(0.5e-4, 0.1)  # type: ignore[attr-defined]
    assert method.warnings == ["0.005 % of the parameters were dampened"]
    method.report(1e-4, 0.1)  # type: ignore[attr-defined]
    assert len(method.warnings) == 1


def test_ssd_by_hand(data: Dataset) -> None:
    of_forget, of_retain = gradient(1.0, 0) ** 2, gradient(-0.6, 1) ** 2
    of_all = (of_forget + of_retain) / 2
    expected = np.array([0.5, -0.25])
    factors = np.where(of_forget > 1.05 * of_all, 0.8 * of_all / of_forget, 1.0)
    assert (factors < 1).any()
    method = make("ssd", data, alpha=1.05, **{"lambda": 0.8})
    np.testing.assert_allclose(after(method, two_images(method)), expected * factors, rtol=1e-5)
    assert method.warnings == []


def test_lfssd_by_hand(data: Dataset) -> None:
    # |z|^2 = (w x)^2 + b^2, so importances are |2 w x^2| and |2 b|: of w 1 and 0.36, of b the same for both.
    method = make("lfssd", data, alpha=1.2)
    np.testing.assert_allclose(after(method, two_images(method)), [0.5 * (1 + 0.36) / 2, -0.25], rtol=1e-5)


def test_lfssd_reads_no_labels(data: Dataset) -> None:
    assert "labels" not in make("lfssd", data).context.card.needs
    assert (access(make("lfssd", data), data).forget.labels == -1).all()


def test_gradients_of_one_batch_do_not_cancel_in_importances(data: Dataset) -> None:
    # The same image under both labels, at logits (0, 0): the mean gradient is zero, the mean square is not.
    method = make("ssd", data)
    images = Images(np.full((2, 1, 1, 1), 255, dtype=np.uint8), np.array([0, 1]), np.arange(2))
    model = TwoParameters()
    nn.init.zeros_(model.w)
    nn.init.zeros_(model.b)
    found = method.importance(model, images)  # type: ignore[attr-defined]
    np.testing.assert_allclose([found["w"], found["b"]], [0.25, 0.25], rtol=1e-6)


def test_a_tenth_of_the_images_cannot_matter_more_than_ten_times_as_much_as_all(data: Dataset) -> None:
    handed_out = access(make("ssd", data), data, forget=len(data.train) // 10)
    share = len(handed_out.forget) / len(data.train)
    assert same(start(data), weights_after_access("ssd", data, handed_out, alpha=1.001 / share))
    assert not same(start(data), weights_after_access("ssd", data, handed_out, alpha=0.5 / share))


def weights_after_access(name: str, data: Dataset, handed: Access, **hparams: float) -> dict[str, Tensor]:
    method = make(name, data, **hparams)
    torch.manual_seed(0)
    return dict(method.unlearn(method.build(1), handed).state_dict())


def test_norms_are_dampened_but_their_statistics_are_not(data: Dataset) -> None:
    method = make("ssd", data, alpha=0.001, **{"lambda": 0.1})
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(4))
    model(torch.randn(5, 1, 8, 8))
    before = {key: value.clone() for key, value in model.state_dict().items()}
    found = method.unlearn(model, access(method, data)).state_dict()
    assert all(torch.equal(found[key], before[key]) for key in ("1.running_mean", "1.running_var"))
    assert (found["1.weight"] < before["1.weight"]).all()


# Influence


@pytest.mark.parametrize(("alpha", "damping"), [(1.0, 1.0), (3.0, 0.01)])
def test_influence_by_hand(alpha: float, damping: float, data: Dataset) -> None:
    method = make("influence", data, alpha=alpha, damping=damping)
    of_forget, of_retain = gradient(1.0, 0), gradient(-0.6, 1)
    v = of_forget / 2 - of_retain / 2
    hessian = damping * np.eye(2) + np.outer(of_retain, of_retain)
    expected = np.array([0.5, -0.25]) + alpha * np.linalg.solve(hessian, v)
    np.testing.assert_allclose(after(method, two_images(method)), expected, rtol=1e-4)


def test_influence_weighs_the_sets_by_their_sizes(data: Dataset) -> None:
    # v = sum_forget g / N - |forget| / (N |retain|) sum_retain g; a high damping leaves v / damping.
    method = make("influence", data, alpha=1e6, damping=1e6)
    forget = one_image(255, 0, 0)
    retain = Images.join(*(one_image(51, 1, example) for example in (1, 2, 3)))
    handed = Access(method.context.card, forget.ids, forget, retain, retain)
    expected = np.array([0.5, -0.25]) + gradient(1.0, 0) / 4 - gradient(-0.6, 1) / 4
    np.testing.assert_allclose(after(method, handed), expected, rtol=1e-5)


def test_a_positive_step_raises_the_loss_of_the_forget_set(data: Dataset) -> None:
    method = make("influence", data, alpha=0.1)
    x = torch.ones(1, 1, 1, 1)
    model = TwoParameters()
    before = nn.functional.cross_entropy(model(x), torch.tensor([0]))
    method.unlearn(model, two_images(method))
    assert nn.functional.cross_entropy(model(x), torch.tensor([0])) > before


class Small(nn.Module):
    """One hidden layer: 8 * 8 pixels to 4 classes, few enough parameters for a matrix of them."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.hidden, self.head = nn.Linear(64, 3), nn.Linear(3, 4)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.hidden(images.flatten(1)).tanh())


@pytest.mark.parametrize("damping", [1.0, 1e-3])
def test_the_inverse_is_that_of_the_matrix_and_of_woodfishers_recursion(damping: float, data: Dataset) -> None:
    model, images = Small(), data.train.take(np.arange(30))
    v = torch.randn(sum(parameter.numel() for parameter in model.parameters()))
    found = inverse_fisher_product(model, images, v, damping).double()
    rows, n = gradient_rows(model, images).double(), len(images)

    matrix = damping * torch.eye(len(v), dtype=torch.float64) + rows.T @ rows / n
    torch.testing.assert_close(found, torch.linalg.solve(matrix, v.double()), rtol=1e-4, atol=1e-5 / damping)

    inverse = torch.eye(len(v), dtype=torch.float64) / damping
    for g in rows:
        direction = inverse @ g
        inverse -= torch.outer(direction, direction) / (n + g @ direction)
    torch.testing.assert_close(found, inverse @ v.double(), rtol=1e-4, atol=1e-5 / damping)


def test_the_inverse_does_not_depend_on_the_blocks(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    model, images = Small(), data.train.take(np.arange(11))
    v = parameters_to_vector(model.parameters()).detach()
    whole = inverse_fisher_product(model, images, v, 0.1)
    for rows in (0, 1, 4):
        monkeypatch.setattr(influence, "BLOCK_BYTES", rows * 4 * len(v))
        torch.testing.assert_close(inverse_fisher_product(model, images, v, 0.1), whole, rtol=1e-4, atol=1e-5)


def test_the_images_of_the_fisher_matrix_are_drawn(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Images] = []

    def spy(model: nn.Module, images: Images, vector: Tensor, *_: object) -> Tensor:
        seen.append(images)
        return torch.zeros_like(vector)

    monkeypatch.setattr(influence, "inverse_fisher_product", spy)
    for seed in (0, 0, 1):
        method = make("influence", data, examples=12)
        method.context = replace(method.context, seed=seed)
        method.unlearn(Small(), access(method, data))
    ids = [images.ids.tolist() for images in seen]
    assert ids[0] == ids[1] != ids[2]
    assert ids[0] != access(make("influence", data), data).retain.ids[:12].tolist()
    assert all(len(set(drawn)) == 12 for drawn in ids)


# Fisher forgetting


def test_noise_variance_by_hand() -> None:
    fisher = torch.tensor([[0.01, 0.03], [0.0, 1.0]])
    torch.testing.assert_close(
        noise_variance(fisher, 0.5, is_last=False),
        0.5 * torch.tensor([[100 + 100 / 3] * 2, [1000.0 + 1] * 2]) / 2,
        rtol=1e-4,
        atol=0,
    )
    torch.testing.assert_close(
        noise_variance(fisher, 0.5, is_last=True),
        10 * 0.5 * torch.tensor([[100 + 100 / 3] * 2, [100.0 + 1] * 2]) / 2,
        rtol=1e-4,
        atol=0,
    )
    for is_last in (False, True):
        bias = noise_variance(torch.tensor([0.1, 1.0]), 0.5, is_last)
        torch.testing.assert_close(bias, torch.tensor([50.0, 5.0]), rtol=1e-4, atol=0)


def test_the_noise_is_drawn_from_the_methods_own_seed(data: Dataset) -> None:
    def result(global_seed: int, seed: int) -> dict[str, Tensor]:
        method = make("fisher", data, examples=4)
        method.context = replace(method.context, seed=seed)
        model = Small()
        torch.manual_seed(global_seed)
        return dict(method.unlearn(model, access(method, data)).state_dict())

    assert same(result(0, seed=0), result(1, seed=0))
    assert not same(result(0, seed=0), result(0, seed=1))


def test_the_noise_is_as_large_as_its_variance_says(data: Dataset) -> None:
    method = make("fisher", data, alpha=1e-6, examples=4)
    model = method.build(1)
    nn.init.zeros_(model.head.weight)  # type: ignore[union-attr, arg-type]
    before = {key: value.clone() for key, value in model.state_dict().items()}
    found = method.unlearn(model, access(method, data)).state_dict()
    # With a last layer of zeros nothing before it matters, so its noise is the largest that is allowed.
    moved = found["layers.0.linear1.weight"] - before["layers.0.linear1.weight"]
    assert moved.std().item() == pytest.approx(math.sqrt(1e-6 * 1e3), rel=0.1)


@pytest.mark.parametrize("forget", [1, 16, 45, 100])
def test_no_number_of_images_resets_a_class(forget: int, data: Dataset) -> None:
    method = make("fisher", data, alpha=1e-15, examples=4)
    model = Small()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    found = method.unlearn(model, access(method, data, forget)).state_dict()
    assert all(torch.allclose(found[key], before[key], atol=1e-5) for key in before)


def test_a_forgotten_class_is_reset_in_the_last_layer_alone(data: Dataset) -> None:
    method = make("fisher", data, alpha=1e-15, examples=4)
    torch.manual_seed(0)
    model = Small()
    model.hidden, model.head = nn.Linear(64, 4), nn.Linear(4, 4)  # as many units as classes
    before = {key: value.clone() for key, value in model.state_dict().items()}
    found = method.unlearn(model, access_to_class(method, data, label=1)).state_dict()
    for key in ("hidden.weight", "hidden.bias"):
        assert torch.allclose(found[key], before[key], atol=1e-5)
    for key in ("head.weight", "head.bias"):
        assert torch.allclose(found[key][[0, 2, 3]], before[key][[0, 2, 3]], atol=1e-5)
        assert found[key][1].abs().max() < 5 * math.sqrt(1e-3)
        assert (found[key][1] != 0).all()


def test_fisher_forgetting_needs_to_know_the_last_layer(data: Dataset) -> None:
    method = make("fisher", data)
    with pytest.raises(NotApplicableError):
        method.unlearn(TwoParameters(), two_images(method))
