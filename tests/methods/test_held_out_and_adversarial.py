"""LAF, Forsaken, ReGUn and AMUN: identities, steps followed by hand, and the traps of their official codes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from statistics import mean
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from unlearning import CPU, TwoParameters, access, access_to_rows, gradient, make, one_image, same

from unbench.data import Dataset
from unbench.data.batches import Batch, Batches, normalise
from unbench.data.images import Images
from unbench.errors import NotApplicableError
from unbench.methods import regun
from unbench.methods.base import Access, Method
from unbench.methods.components.adversarial import find_flips
from unbench.methods.components.held_out import HeldOutAnswers
from unbench.methods.components.losses import divergence, divergence_from
from unbench.methods.forsaken import ProximalSGD
from unbench.methods.laf import FeatureVAE, alignment_loss, extractor_loss
from unbench.models.parts import features_and_logits, frozen_copy
from unbench.training.loops import predict


def model_of(method: Method) -> nn.Module:
    """The same untrained model every time."""
    torch.manual_seed(0)
    return method.build(1)


@pytest.fixture
def few(data: Dataset) -> Dataset:
    """The synthetic data set with 48 training images."""
    return replace(data, train=data.train.take(np.arange(48)))


def tensor(images: Images) -> torch.Tensor:
    return normalise(torch.from_numpy(np.ascontiguousarray(images.pixels)))


class Normed(nn.Module):
    """A layer with batch norm under a last layer."""

    def __init__(self) -> None:
        super().__init__()
        self.extractor = nn.Sequential(nn.Flatten(), nn.Linear(64, 6), nn.BatchNorm1d(6), nn.ReLU())
        self.head = nn.Linear(6, 4)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.extractor(images))


def posterior(x: float, w: float = 0.5, b: float = -0.25) -> np.ndarray:
    """Softmax of TwoParameters at the pixel x."""
    return np.exp([w * x, b]) / np.exp([w * x, b]).sum()


class TestLaf:
    def test_extractor_loss_by_hand(self) -> None:
        retain, retain_back = torch.tensor([[1.0, 2.0], [0.0, 0.0]]), torch.tensor([[1.0, 3.0], [1.0, -1.0]])
        forget, forget_back = torch.tensor([[-4.0, 0.5]]), torch.tensor([[-2.0, 0.5]])
        # Errors 1 and 2 on the retain features, 4 on the forget features.
        by_hand = np.exp(1 / 2) + np.exp(2 / 3) - np.exp(4 / 5)
        assert extractor_loss(retain, retain_back, forget, forget_back).item() == pytest.approx(by_hand)

    def test_alignment_loss_by_hand(self) -> None:
        retain, forget = [0.1, 0.4, 1.5], [0.2, 1.9]
        denominator = sum(np.exp(c / 20) for c in forget)
        by_hand = sum(np.log(np.exp(c) / denominator) for c in retain)
        assert alignment_loss(torch.tensor(retain), torch.tensor(forget), 20.0).item() == pytest.approx(by_hand)

    def test_labels_change_nothing(self, few: Dataset) -> None:
        states = []
        for label in (-1, 2):
            method = make("laf", few, epochs=1, vae_epochs=1, lr=1e-3)
            handed = access(method, few)
            assert (handed.forget.labels == -1).all() and (handed.retain.labels == -1).all()
            for need, images in handed._held.items():
                handed._held[need] = images.relabelled(np.full(len(images), label))
            states.append(dict(method.unlearn(model_of(method), handed).state_dict()))
        assert same(*states)

    def test_the_last_layer_stays_and_the_extractor_moves(self, few: Dataset) -> None:
        method = make("laf", few, epochs=1, vae_epochs=1, lr=1e-3)
        model = model_of(method)
        before = {name: value.clone() for name, value in model.state_dict().items()}
        after = method.unlearn(model, access(method, few)).state_dict()
        assert all(torch.equal(before[name], after[name]) for name in ("head.weight", "head.bias"))
        assert not torch.equal(before["embed.weight"], after["embed.weight"])

    @pytest.mark.parametrize(("lost", "falls"), [("all features", True), ("forget features", False)])
    def test_comes_closer_to_the_features_of_all_and_leaves_those_of_the_forget_set(
        self, lost: str, falls: bool, few: Dataset
    ) -> None:
        class Nothing(nn.Module):
            def forward(self, features: torch.Tensor) -> torch.Tensor:
                return torch.zeros_like(features)

        # One auto-encoder returns what it is given, so that its term is flat; the other returns zeros, so that its
        # error is the squared length of the features.
        method = make("laf", few, epochs=5, lr=1e-3, alignment_lr=1e-7)
        learned = {"all features": len(few.train), "forget features": 20}

        def learn_features(model: nn.Module, images: Images, purpose: str) -> nn.Module:
            assert len(images) == learned[purpose]
            return Nothing() if purpose == lost else nn.Identity()

        method.learn_features = learn_features  # type: ignore[attr-defined]
        torch.manual_seed(0)
        model = Normed()
        handed = access(method, few)
        images = tensor(handed.retain if falls else handed.forget)

        def length() -> float:
            with torch.no_grad():
                return features_and_logits(model.eval(), images)[0].square().sum(1).mean().item()

        before = length()
        method.unlearn(model, handed)
        assert length() < 0.99 * before if falls else length() > 1.01 * before

    def test_batch_norm_stays_as_it_was(self, few: Dataset) -> None:
        method = make("laf", few, epochs=1, vae_epochs=1)
        model = Normed()
        before = {name: value.clone() for name, value in model.named_buffers()}
        method.unlearn(model, access(method, few))
        assert same(before, dict(model.named_buffers()))

    def test_alignment_alone_moves_the_forget_features_further_than_the_rest(self, data: Dataset) -> None:
        method = make("laf", data, epochs=10, vae_epochs=1, lr=1e-7, alignment_lr=1e-3, temperature=1.0)
        model = model_of(method)
        original = frozen_copy(model)
        handed = access(method, data)
        method.unlearn(model, handed)

        def moved(images: Images) -> float:
            with torch.no_grad():
                now, then = (features_and_logits(m, tensor(images))[0] for m in (model, original))
            return 1 - functional.cosine_similarity(now, then).mean().item()

        assert moved(handed.forget) > 1.5 * moved(handed.retain)

    def test_auto_encoder_reaches_features_of_any_range(self) -> None:
        torch.manual_seed(0)
        features = torch.tensor([[5.0, -3.0, 0.5]]).repeat(16, 1)
        vae = FeatureVAE(3, 2, hidden=(16, 8))
        optimizer = torch.optim.Adam(vae.parameters(), lr=0.02)
        for _ in range(150):
            optimizer.zero_grad()
            vae.loss(features).backward()
            optimizer.step()
        torch.testing.assert_close(vae(features), features, atol=0.5, rtol=0)

    def test_loss_of_the_auto_encoder_by_hand(self) -> None:
        vae = FeatureVAE(2, 1)
        for parameter in vae.parameters():
            nn.init.zeros_(parameter)
        nn.init.constant_(vae.mean.bias, 2.0)
        nn.init.constant_(vae.log_variance.bias, np.log(4.0))
        # Every feature comes back as zero; the code is N(2, 4) for each image.
        error, kl = (9 + 16 + 0 + 1) / 2, 0.5 * (4 + 4 - 1 - np.log(4.0))
        by_hand = error + 0.025 * kl
        assert vae.loss(torch.tensor([[3.0, 4.0], [0.0, 1.0]])).item() == pytest.approx(by_hand)


class TestForsaken:
    def test_an_endless_penalty_changes_nothing_and_says_so(self, data: Dataset) -> None:
        method = make("forsaken", data, penalty=1e6, epochs=3)
        model = model_of(method)
        before = {name: value.clone() for name, value in model.state_dict().items()}
        assert same(before, dict(method.unlearn(model, access(method, data)).state_dict()))
        assert method.warnings == ["no weight moved: the penalty outweighs what the forget set asks for"]

    def test_a_penalty_masks_weights_to_the_bit(self, data: Dataset) -> None:
        method = make("forsaken", data, penalty=0.02, epochs=5)
        model = model_of(method)
        before = {name: value.clone() for name, value in model.state_dict().items()}
        after = method.unlearn(model, access(method, data)).state_dict()
        moved = torch.cat([(before[name] != after[name]).flatten() for name in before])
        assert 0 < moved.float().mean() < 0.5
        assert method.warnings == []

    def test_drives_the_forget_posteriors_to_those_of_held_out_images(self, data: Dataset) -> None:
        method = make("forsaken", data, penalty=1e-4, epochs=30, lr=0.1)
        model = model_of(method)
        handed = access(method, data)
        answers = HeldOutAnswers(model, data.val, len(data.classes), CPU)
        targets = torch.stack([answers.mean(np.flatnonzero(data.val.labels == label)) for label in range(4)])

        def distance() -> float:
            with torch.no_grad():
                logits = model(tensor(handed.forget))
            return divergence_from(targets[torch.from_numpy(handed.forget.labels)], logits).item()

        before = distance()
        method.unlearn(model, handed)
        assert distance() < before / 2

    def test_one_step_by_hand(self, data: Dataset) -> None:
        method = make("forsaken", data, lr=0.1, penalty=0.01, epochs=1)
        forget = one_image(255, 0, 0)  # pixel +1
        held_out = Images.join(one_image(51, 0, 1), one_image(204, 0, 2), one_image(0, 1, 3))  # pixels -0.6, +0.6, -1
        model = method.unlearn(TwoParameters(), Access(method.context.card, forget.ids, forget, forget, held_out))
        target = (posterior(-0.6) + posterior(0.6)) / 2
        step = -0.1 * (posterior(1.0) - target)  # of (w, b): both logits have slope 1 in them
        step = np.sign(step) * np.maximum(np.abs(step) - 0.1 * 0.01, 0)
        assert np.abs(step).min() > 0
        weights = [model.w.item(), model.b.item()]  # type: ignore[union-attr, operator]
        np.testing.assert_allclose(weights, np.array([0.5, -0.25]) + step, atol=1e-6)

    def test_without_a_penalty_it_is_plain_sgd(self) -> None:
        torch.manual_seed(0)
        ours, plain = nn.Linear(3, 2), nn.Linear(3, 2)
        plain.load_state_dict(ours.state_dict())
        inputs = torch.randn(5, 3)
        optimizers = ProximalSGD(ours.parameters(), 0.1, 0.0), torch.optim.SGD(plain.parameters(), 0.1)
        for _ in range(3):
            for layer, optimizer in zip((ours, plain), optimizers, strict=True):
                optimizer.zero_grad()
                layer(inputs).square().sum().backward()
                optimizer.step()
        torch.testing.assert_close(ours.weight, plain.weight)
        assert optimizers[0].moved() == 8

    def test_batch_norm_does_not_drift_to_the_forget_set(self, data: Dataset) -> None:
        method = make("forsaken", data, epochs=1)
        model = Normed()
        before = {name: value.clone() for name, value in model.named_buffers()}
        method.unlearn(model, access(method, data))
        assert same(before, dict(model.named_buffers()))


class TestHeldOutAnswers:
    def test_all_held_out_images_stand_in_for_a_class_without_any(self, data: Dataset) -> None:
        model = model_of(make("forsaken", data))
        answers = HeldOutAnswers(model, data.val.take(np.flatnonzero(data.val.labels != 2)), 4, CPU)
        assert answers.missing == [2]
        np.testing.assert_array_equal(answers.of_class(2), np.arange(len(answers)))
        assert answers.stand_ins(np.array([0, 1, 1])) == ""
        assert "label of 2:" in answers.stand_ins(np.array([2, 1, 2]))

    @pytest.mark.parametrize(("name", "hparams"), [("forsaken", {}), ("regun", {"selector": "class_informed"})])
    def test_the_row_says_so(self, name: str, hparams: dict[str, str], data: Dataset) -> None:
        method = make(name, data, epochs=1, **hparams)
        handed = access_to_rows(method, data, np.flatnonzero(data.train.labels == 2)[:10])
        handed._held["held_out_images"] = data.val.take(np.flatnonzero(data.val.labels != 2))
        method.unlearn(model_of(method), handed)
        assert method.warnings == ["no held-out image has a label of 2: all held-out images stand in"]

    def test_divergence_is_that_of_logits_and_allows_zeros(self) -> None:
        torch.manual_seed(0)
        teacher, student = torch.randn(2, 5, 3)
        torch.testing.assert_close(divergence_from(teacher.softmax(1), student), divergence(teacher, student))
        sure = divergence_from(torch.tensor([0.0, 1.0, 0.0]), student)
        torch.testing.assert_close(sure, -student.log_softmax(1)[:, 1].mean())


class TestReGUn:
    def test_without_the_forget_term_it_is_fine_tuning_to_the_bit(self, data: Dataset) -> None:
        recipe = {"lr": 0.02, "weight_decay": 1e-3, "epochs": 3}
        method = make("regun", data, lambda_forget=0.0, lambda_retain=1.0, **recipe)
        ft = make("ft", data, **recipe)
        handed = access(method, data, forget=40)
        steps = len(method.batches(handed.forget, "forget order"))
        retain = method.batches(handed.retain, "retain order")
        assert 1 < steps < len(retain)

        class FirstBatches:
            def __iter__(self) -> Iterator[Batch]:
                return islice(iter(retain), steps)

        ft.batches = lambda images, purpose, batch_size=None: FirstBatches()  # type: ignore
        a = method.unlearn(model_of(method), handed).state_dict()
        b = ft.unlearn(model_of(ft), handed).state_dict()
        assert same(a, b)

    @pytest.mark.parametrize("selector", ["class_informed", "uniform"])
    def test_reference_by_hand(self, selector: str, data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
        method = make("regun", data, selector=selector, epochs=2, lr=0.05)
        model = model_of(method)
        original = predict(frozen_copy(model), {"held out": data.val}, CPU)["held out"].softmax(1)
        rows: list[np.ndarray] = []
        labels: list[np.ndarray] = []
        targets: list[torch.Tensor] = []
        select = method.select  # type: ignore[attr-defined]

        def spy_select(answers: HeldOutAnswers, asked: np.ndarray, draw: np.random.Generator) -> np.ndarray:
            labels.append(asked)
            rows.append(select(answers, asked, draw))
            return rows[-1]

        def spy_divergence(target: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
            targets.append(target)
            return divergence_from(target, logits)

        method.select = spy_select  # type: ignore[attr-defined]
        monkeypatch.setattr(regun, "divergence_from", spy_divergence)
        method.unlearn(model, access(method, data, forget=40))
        assert len(rows) == len(targets) == 2 * 2  # an epoch is one pass over the forget set
        matches = [sorted(data.val.labels[row]) == sorted(asked) for row, asked in zip(rows, labels, strict=True)]
        assert all(matches) if selector == "class_informed" else not all(matches)
        for row, target in zip(rows, targets, strict=True):
            # By hand, one row after the other, from the original even once the model has moved.
            torch.testing.assert_close(target, sum(original[i] for i in row) / len(row))

    def test_one_step_by_hand(self, data: Dataset) -> None:
        hparams = {"lambda_forget": 0.3, "lambda_retain": 0.8, "lr": 0.1, "momentum": 0.0, "epochs": 1}
        method = make("regun", data, **hparams)
        forget, retain, held_out = one_image(255, 0, 0), one_image(51, 1, 1), one_image(204, 0, 2)
        model = method.unlearn(TwoParameters(), Access(method.context.card, forget.ids, forget, retain, held_out))
        step = 0.3 * (posterior(1.0) - posterior(0.6)) + 0.8 * gradient(-0.6, 1)
        weights = [model.w.item(), model.b.item()]  # type: ignore[union-attr, operator]
        np.testing.assert_allclose(weights, np.array([0.5, -0.25]) - 0.1 * step, atol=1e-6)


class Threshold(nn.Module):
    """logits = (x, 0) for the one pixel x: the boundary lies at 0, at the distance |x|."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = images.flatten(1)[:, 0]
        return torch.stack([x, torch.zeros_like(x)], dim=1)


def pixels_at(*values: int) -> Images:
    return Images.join(*(one_image(value, 0, example) for example, value in enumerate(values)))


class TestFlips:
    def test_radius_doubles_for_those_alone_that_are_not_flipped_yet(self) -> None:
        away = torch.tensor([0.05, 0.15, -0.35, 90.0])
        flips = find_flips(Threshold(), away[:, None, None, None], radius=0.1, rounds=4, steps=50)
        torch.testing.assert_close(flips.radii, torch.tensor([0.1, 0.2, 0.4, 0.8]))
        assert flips.found.tolist() == [True, True, True, False]
        assert flips.labels.tolist() == [1, 1, 0, 0]
        shift = (flips.images.flatten() - away).abs()
        # Left alone once flipped: at most one step of a tenth of the radius beyond the boundary.
        assert (shift[:3] <= away[:3].abs() + 0.1 * flips.radii[:3] + 1e-6).all()
        assert shift[3].item() == pytest.approx(0.8, rel=1e-4)

    def test_images_stay_within_their_limits(self) -> None:
        near = torch.full((1, 1, 1, 1), 0.05)
        kept = find_flips(Threshold(), near, radius=1.0, rounds=2, steps=10, limits=(0.01, 1.0))
        assert not kept.found.item()
        assert kept.images.item() == pytest.approx(0.01)
        assert find_flips(Threshold(), near, radius=1.0, rounds=2, steps=10).found.item()

    def test_on_a_network_flips_lie_within_their_radius_and_change_the_prediction(self, data: Dataset) -> None:
        model = model_of(make("amun", data)).eval()
        images = tensor(data.train.take(np.arange(30)))
        flips = find_flips(model, images, radius=0.05, rounds=5, steps=20, limits=(-1.0, 1.0))
        with torch.no_grad():
            before, after = model(images).argmax(1), model(flips.images).argmax(1)
        assert flips.found.any()
        torch.testing.assert_close(before != after, flips.found)
        torch.testing.assert_close(after, flips.labels)
        assert ((flips.images - images).flatten(1).norm(dim=1) <= flips.radii * (1 + 1e-5)).all()
        assert flips.images.abs().max() <= 1
        first = flips.radii == torch.tensor(0.05)
        assert flips.found[first].all() and 0 < int(first.sum()) < len(first)
        assert all(parameter.grad is None for parameter in model.parameters())


class TestAmun:
    def test_adversarial_set_has_the_originals_wrong_labels(self, data: Dataset) -> None:
        method = make("amun", data, rounds=6, steps=20)
        model = model_of(method)
        forget = access(method, data).forget
        flipped = method.adversarial(model, forget)  # type: ignore[attr-defined]
        assert flipped.pixels.dtype == np.float32 and np.abs(flipped.pixels).max() <= 1
        ids = flipped.ids.tolist()
        given = forget.take(np.array([forget.ids.tolist().index(i) for i in ids]))
        logits = predict(model, {"flipped": flipped, "given": given}, CPU)
        np.testing.assert_array_equal(logits["flipped"].argmax(1).numpy(), flipped.labels)
        assert (logits["given"].argmax(1).numpy() != flipped.labels).all()

    @pytest.mark.parametrize(("far", "said"), [(1, []), (2, ["20% of the forget images"])])
    def test_says_how_many_could_not_be_flipped_if_more_than_a_tenth(
        self, far: int, said: list[str], data: Dataset
    ) -> None:
        method = make("amun", data, radius=0.1, rounds=1)
        forget = pixels_at(*[255] * far, *[130] * (10 - far))  # at a distance of 1, and of 0.02
        flipped = method.adversarial(Threshold(), forget)  # type: ignore[attr-defined]
        assert flipped.ids.tolist() == list(range(far, 10))
        assert [warning[: len(text)] for warning, text in zip(method.warnings, said, strict=True)] == said

    def test_is_not_applicable_where_nothing_flips(self, data: Dataset) -> None:
        method = make("amun", data, radius=0.1, rounds=1)
        with pytest.raises(NotApplicableError, match="radius or rounds"):
            method.adversarial(Threshold(), pixels_at(255, 0))  # type: ignore[attr-defined]

    def test_radius_counts_in_pixels_from_0_to_1(self, data: Dataset) -> None:
        # 155 lies 0.216 above the boundary in [-1, 1], which is 0.108 in [0, 1].
        for radius, found in ((0.10, False), (0.11, True)):
            method = make("amun", data, radius=radius, rounds=1)
            batch = next(iter(Batches(pixels_at(155), 1, CPU)))
            assert method.search(Threshold(), batch).found.item() is found  # type: ignore[attr-defined]

    def test_a_frozen_backbones_maps_are_neither_clipped_nor_rescaled(self, data: Dataset) -> None:
        method = make("amun", data, radius=0.5, rounds=1)
        preset = method.context.preset.model_copy(update={"stem": "efficientnet_lite0"})
        method.context = replace(method.context, preset=preset)
        maps = Images(np.array([0.45, -7.0, 0.55], np.float16)[:, None, None, None], np.zeros(3, int), np.arange(3))
        flips = method.search(Threshold(), next(iter(Batches(maps, 3, CPU))))  # type: ignore[attr-defined]
        assert flips.found.tolist() == [True, False, False]
        np.testing.assert_allclose(flips.images.flatten()[1:], [-6.5, 0.05], atol=1e-3)

    @pytest.mark.parametrize("keep_forget", [True, False])
    def test_trains_on_the_union_each_batch_with_its_share(self, keep_forget: bool, data: Dataset) -> None:
        method = make("amun", data, keep_forget=keep_forget, epochs=2)
        handed = access(method, data, forget=40)
        retain = handed.retain
        flipped = Images(np.full((40, *retain.pixels.shape[1:]), 0.123, np.float32), np.full(40, 3), handed.forget.ids)
        method.adversarial = lambda model, forget: flipped  # type: ignore[attr-defined]
        model = model_of(method)
        seen: list[torch.Tensor] = []
        model.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]) if module.training else None)
        method.unlearn(model, handed)
        known = len(retain) + 40 * keep_forget
        adversarial = [(batch == 0.123).flatten(1).all(1) for batch in seen]
        share = round(32 * 40 / (40 + known))
        assert {int(rows.sum()) for rows in adversarial[:-1]} <= {share, 40 % share}
        assert max(len(batch) for batch in seen) == 32
        real = torch.cat([batch[~rows] for batch, rows in zip(seen, adversarial, strict=True)])
        assert len(real) == 2 * known
        forgotten = tensor(handed.forget)
        assert int((real[:, None] == forgotten).flatten(2).all(2).sum()) == 2 * 40 * keep_forget

    def test_few_adversarial_images_weigh_no_more_than_their_share(
        self, data: Dataset, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        method = make("amun", data)
        known = data.train.take(np.arange(62))  # two batches of 31, and the one adversarial image beside each
        handed = access(method, replace(data, train=known), forget=1)
        flipped = Images(np.full((1, *handed.forget.pixels.shape[1:]), 0.123, np.float32), np.array([3]), np.array([0]))
        method.adversarial = lambda model, forget: flipped  # type: ignore[attr-defined]
        model = model_of(method)
        steps: list[float] = []

        def add_up(epochs: Any, loss: Any, optimizer: Any) -> None:
            steps.extend(loss(pair).item() for pair in next(iter(epochs)))

        monkeypatch.setattr("unbench.methods.amun.descend", add_up)
        method.unlearn(model, handed)
        logits = predict(model, {"known": known, "flipped": flipped}, CPU)
        labels = torch.tensor([*known.labels, 3])
        union = torch.nn.functional.cross_entropy(torch.cat([logits["known"], logits["flipped"]]), labels)
        assert len(steps) == 2
        assert mean(steps) == pytest.approx(union.item(), rel=1e-5)
