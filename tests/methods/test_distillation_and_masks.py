"""Teachers (bad teaching, SCRUB) and masks (SalUn, l1-sparse): identities, traps, steps followed by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from unlearning import (
    TwoParameters,
    access,
    access_to_class,
    gradient,
    labels_seen,
    make,
    one_image,
    same,
    weights_after,
)

from unbench.data import Dataset
from unbench.data.batches import Batch, Batches, first_batch, normalise
from unbench.data.images import Images
from unbench.errors import AccessError, NotApplicableError
from unbench.methods import bad_teacher, l1_sparse
from unbench.methods.base import Access, Context, Method
from unbench.methods.components.masks import highest, hold
from unbench.methods.l1_sparse import L1Sparse
from unbench.methods.salun import SalUn
from unbench.methods.scrub import Scrub, closest

Log = list[tuple[str, int]]


def after(method: Method, data: Dataset) -> dict[str, Tensor]:
    """The state of an untrained model, always the same, after `method` unlearned with it."""
    torch.manual_seed(0)
    model = method.build(1)
    return dict(method.unlearn(model, access(method, data)).state_dict())


def probabilities(w: float, b: float, x: float, temperature: float = 1.0) -> np.ndarray:
    """What TwoParameters says of a pixel."""
    powers = np.exp(np.array([w * x, b]) / temperature)
    return powers / powers.sum()


def kl(p: np.ndarray, q: np.ndarray) -> float:
    return float((p * np.log(p / q)).sum())


def log_batches(method: Method, log: Log) -> None:
    """From now on `method` notes the purpose and the number of batches of each epoch that begins."""
    original = method.batches

    class Logged(Batches):
        purpose: str

        def __iter__(self) -> Iterator[Batch]:
            log.append((self.purpose, len(self)))
            return super().__iter__()

    def batches(images: Images, purpose: str, batch_size: int | None = None) -> Batches:
        made = original(images, purpose, batch_size)
        logged = Logged(images, made.batch_size, made.device, method.context.seed_for(purpose))
        logged.purpose = purpose
        return logged

    method.batches = batches  # type: ignore[method-assign]


# SCRUB


def test_scrub_without_max_steps_and_distillation_is_fine_tuning_to_the_bit(data: Dataset) -> None:
    # The order of the retain set is drawn per method; give both the same one.
    ft = make("ft", data, epochs=2)
    scrub = make("scrub", data, epochs=2, max_epochs=0, alpha=0.0, gamma=1.0, lr=ft.context.number("lr"))
    scrub.batches = ft.batches  # type: ignore[method-assign]
    assert same(after(ft, data), after(scrub, data))


@pytest.mark.parametrize(("max_epochs", "epochs"), [(2, 4), (3, 3), (9, 2), (0, 2)])
def test_scrub_takes_the_max_passes_asked_for_and_ends_with_min_steps(
    max_epochs: int, epochs: int, data: Dataset
) -> None:
    method = make("scrub", data, max_epochs=max_epochs, epochs=epochs, forget_batch_size=6)
    log: Log = []
    log_batches(method, log)
    method.unlearn(method.build(1), access(method, data, forget=20))
    both = min(max_epochs, epochs)
    forget, retain = ("forget order", 4), ("retain order", -(-(len(data.train) - 20) // 32))
    assert log == [forget, retain] * both + [retain] * (epochs - both)
    assert log[-1] == retain


def test_two_epochs_of_scrub_by_hand(data: Dataset) -> None:
    lr, alpha, gamma, t = 0.1, 0.5, 0.9, 4.0
    method = make(
        "scrub", data, lr=lr, alpha=alpha, gamma=gamma, epochs=2, max_epochs=2, decay_after=1, momentum=0.0,
        weight_decay=0.0,
    )  # fmt: skip
    forget, retain = one_image(255, 0, 0), one_image(51, 1, 1)  # pixels +1 and -0.6
    handed = Access(method.context.card, forget.ids, forget, retain, retain)
    model = method.unlearn(TwoParameters(), handed)

    def of_distance(theta: np.ndarray, x: float) -> np.ndarray:
        # T^2 KL(teacher || student): T (q - p) by the logits, times (x, 1).
        q, p = probabilities(*theta, x, t), probabilities(0.5, -0.25, x, t)
        return t * (q - p) * np.array([x, 1.0])

    theta = np.array([0.5, -0.25])
    for rate in (lr, lr / 10):
        theta = theta + rate * of_distance(theta, 1.0)  # at first zero: the student is the teacher
        theta = theta - rate * (gamma * gradient(-0.6, 1, *theta) + alpha * of_distance(theta, -0.6))
    np.testing.assert_allclose([model.w.item(), model.b.item()], theta, atol=1e-6)  # type: ignore[union-attr, operator]


def test_scrub_drives_the_student_away_from_its_teacher_on_the_forget_set(data: Dataset) -> None:
    # Without the min pass (its loss weighs nothing), the distance of a student that has left its teacher grows.
    method = make("scrub", data, alpha=0.0, gamma=0.0, epochs=1, max_epochs=1, lr=0.05, weight_decay=0.05)
    torch.manual_seed(0)
    model = method.build(1)
    images = first_batch(access(method, data).forget, 20, torch.device("cpu")).images
    with torch.inference_mode():
        teacher = model(images)
    model = method.unlearn(model, access(method, data))
    still = weights_after("scrub", data, alpha=0.0, gamma=0.0, epochs=1, max_epochs=0, lr=0.05, weight_decay=0.05)
    decayed = method.build(1)
    decayed.load_state_dict(still)

    def distance(student: nn.Module) -> float:
        with torch.inference_mode():
            q = student(images).log_softmax(1)
        return nn.functional.kl_div(q, teacher.log_softmax(1), reduction="batchmean", log_target=True).item()

    assert distance(model) > distance(decayed)


def test_the_closest_error_is_chosen_and_of_equals_the_last() -> None:
    assert closest([0.0, 0.1, 0.3, 0.5], 0.28) == 2
    assert closest([0.5, 0.25, 0.0], 0.3) == 1
    assert closest([0.25, 0.75, 0.25], 0.25) == 2
    assert closest([0.25, 0.75], 0.5) == 1


def test_rewinding_returns_the_epoch_whose_forget_error_is_closest_to_the_final_held_out_error(data: Dataset) -> None:
    method = make("scrub", data, rewind=True, epochs=4, lr=0.01)
    assert isinstance(method, Scrub)
    handed = access(method, data)
    forget_errors = iter([0.0, 0.2, 0.6, 0.9])
    seen: list[dict[str, Tensor]] = []

    def error(model: nn.Module, images: Images, like: Images) -> float:
        assert like is handed.forget
        if images is handed.held_out:
            assert len(seen) == 4, "the reference is the error of the last model"
            return 0.25
        seen.append({name: value.clone() for name, value in model.state_dict().items()})
        return next(forget_errors)

    method.error = error  # type: ignore[method-assign]
    result = dict(method.unlearn(method.build(1), handed).state_dict())
    assert same(result, seen[1])
    assert not same(result, seen[3])


def test_measuring_errors_does_not_change_the_training(data: Dataset) -> None:
    rewinding = make("scrub", data, rewind=True, epochs=2, lr=0.01)
    assert isinstance(rewinding, Scrub)
    real = rewinding.error
    errors = iter([0.0, 1.0, 1.0])  # the last epoch is the closest

    def error(model: nn.Module, images: Images, like: Images) -> float:
        real(model, images, like)
        assert not model.training
        return next(errors)

    rewinding.error = error  # type: ignore[method-assign]
    torch.manual_seed(0)
    model = rewinding.build(1)
    modes: set[bool] = set()

    def note(net: nn.Module, inputs: object) -> None:
        if net is model and not torch.is_inference_mode_enabled():
            modes.add(net.training)

    model.register_forward_pre_hook(note)
    result = dict(rewinding.unlearn(model, access(rewinding, data)).state_dict())
    assert modes == {True}, "each step in training mode"
    assert same(result, weights_after("scrub", data, epochs=2, lr=0.01))


def test_errors_count_by_class_as_the_forget_set_does(data: Dataset) -> None:
    method = make("scrub", data)
    assert isinstance(method, Scrub)
    # TwoParameters calls white (+1) class 0 and black (-1) class 1: three of four in class 0 are wrong, class 1 right.
    pixels = np.array([255, 0, 0, 0, 0], dtype=np.uint8)[:, None, None, None]
    held_out = Images(pixels, np.array([0, 0, 0, 0, 1]), np.arange(5))
    forget = Images(pixels, np.array([0, 1, 1, 1, 7]), np.arange(5))
    assert method.error(TwoParameters(), held_out, forget) == pytest.approx(0.25 * 0.75)
    assert method.error(TwoParameters(), held_out, held_out) == pytest.approx(0.6)


def test_scrub_reads_held_out_images_to_rewind_and_for_nothing_else(data: Dataset) -> None:
    for rewind in (False, True):
        method = make("scrub", data, rewind=rewind, epochs=1)
        handed = access(method, data)
        del handed._held["held_out_images"]
        if rewind:
            with pytest.raises(AccessError, match="held_out_images"):
                method.unlearn(method.build(1), handed)
        else:
            method.unlearn(method.build(1), handed)


def test_rewinding_without_held_out_images_of_the_class_is_not_possible(data: Dataset) -> None:
    method = make("scrub", data, rewind=True, epochs=1)
    handed = access_to_class(method, data, label=1)
    others = data.val.take(np.flatnonzero(data.val.labels != 1))
    handed._held["held_out_images"] = others
    with pytest.raises(NotApplicableError, match="held-out"):
        method.unlearn(method.build(1), handed)


# Bad teaching


def captured_loss(
    monkeypatch: pytest.MonkeyPatch, method: Method, student: nn.Module, handed: Access
) -> tuple[Callable[[Batch], Tensor], Batch]:
    """The loss that bad teaching would minimise, and its first batch."""
    found: list[tuple[Callable[[Batch], Tensor], Batch]] = []

    def capture(epochs: Iterator[Batches], loss_of: Callable[[Batch], Tensor], optimizer: object) -> None:
        found.append((loss_of, next(iter(next(iter(epochs))))))

    monkeypatch.setattr(bad_teacher, "descend", capture)
    method.unlearn(student, handed)
    return found[0]


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_bad_teachings_loss_is_the_divergence_per_image_by_hand(
    temperature: float, data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = make("bad_teacher", data, temperature=temperature, retain_share=1.0)
    bad = TwoParameters()
    bad.w.data.fill_(-2.0)
    bad.b.data.fill_(1.0)
    method.build = lambda images: bad  # type: ignore[method-assign]
    forget, retain = one_image(255, 0, 0), one_image(51, 1, 1)  # pixels +1 and -0.6
    handed = Access(method.context.card, forget.ids, forget, retain, retain)
    student = TwoParameters()
    loss_of, batch = captured_loss(monkeypatch, method, student, handed)
    student.w.data.fill_(0.1)
    student.b.data.fill_(0.3)

    def p(w: float, b: float, x: float) -> np.ndarray:
        return probabilities(w, b, x, temperature)

    from_bad = kl(p(-2.0, 1.0, 1.0), p(0.1, 0.3, 1.0))
    from_original = kl(p(0.5, -0.25, -0.6), p(0.1, 0.3, -0.6))
    # Mean over the two images; torch's reduction "mean" would divide by the two classes as well.
    assert loss_of(batch).item() == pytest.approx((from_bad + from_original) / 2, rel=1e-5)


def test_both_teachers_stay_as_they_are(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    method = make("bad_teacher", data, epochs=2, lr=0.01)
    teachers: list[tuple[nn.Module, dict[str, Tensor]]] = []
    original = bad_teacher.frozen_copy

    def spy(model: nn.Module) -> nn.Module:
        copy = original(model)
        teachers.append((copy, {name: value.clone() for name, value in copy.state_dict().items()}))
        return copy

    monkeypatch.setattr(bad_teacher, "frozen_copy", spy)
    torch.manual_seed(0)
    model = method.build(1)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    method.unlearn(model, access(method, data))
    assert len(teachers) == 2
    for teacher, state in teachers:
        assert not teacher.training
        assert same(dict(teacher.state_dict()), state)
    assert same(teachers[1][1], before), "the good teacher is the original"
    assert not same(teachers[0][1], before), "the bad teacher is another, untrained model"
    assert not same(dict(model.state_dict()), before)


def test_bad_teaching_touches_no_label(data: Dataset) -> None:
    method = make("bad_teacher", data)
    assert "labels" not in method.context.card.needs
    states = []
    for shift in (0, 1):
        handed = access(method, data)
        for need, images in handed._held.items():
            assert (images.labels == -1).all()
            handed._held[need] = images.relabelled(np.arange(len(images)) * shift)
        torch.manual_seed(0)
        states.append(dict(method.unlearn(method.build(1), handed).state_dict()))
    assert same(*states)


def test_bad_teaching_draws_its_share_of_the_retain_set_once(data: Dataset) -> None:
    method = make("bad_teacher", data, epochs=3, retain_share=0.3)
    taken: list[Images] = []
    original = method.batches

    def spy(images: Images, purpose: str, batch_size: int | None = None) -> Batches:
        taken.append(images)
        return original(images, purpose, batch_size)

    method.batches = spy  # type: ignore[method-assign]
    handed = access(method, data, forget=20)
    method.unlearn(method.build(1), handed)
    assert len(taken) == 1
    ids = taken[0].ids
    np.testing.assert_array_equal(ids[:20], handed.forget_ids)
    assert len(set(ids[20:])) == len(ids[20:]) == round(0.3 * len(handed.retain))
    assert set(ids[20:]) <= set(handed.retain.ids)


# Masks


def test_the_highest_are_chosen_over_all_tensors_and_of_equals_the_first() -> None:
    scores = [torch.tensor([[3.0, 1.0], [2.0, 2.0]]), torch.tensor([5.0, 2.0])]
    masks = highest(scores, 0.5)
    assert [mask.tolist() for mask in masks] == [[[True, False], [True, False]], [True, False]]
    assert all(mask.all() for mask in highest(scores, 1.0))
    assert not any(mask.any() for mask in highest(scores, 0.0))


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.Adam])
def test_held_entries_do_not_move_and_others_move_as_ever(kind: type[torch.optim.Optimizer]) -> None:
    settings = {"lr": 0.1, "weight_decay": 0.1}
    if kind is torch.optim.SGD:
        settings["momentum"] = 0.9
    start = torch.tensor([1.0, -2.0, 3.0])
    free, tied = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    optimizers = [kind([p], **settings) for p in (free, tied)]  # type: ignore[arg-type, call-arg]
    mask = torch.tensor([True, False, True])
    for step in range(5):
        if step == 1:  # what momentum remembers of the first step must not move it later
            tied.data[mask] = start[mask]
            hold(optimizers[1], {tied: mask})
        for parameter, optimizer in zip((free, tied), optimizers, strict=True):
            parameter.grad = torch.full((3,), 1.0 if step == 0 else 0.5)
            optimizer.step()
    assert torch.equal(tied[mask], start[mask])
    assert torch.equal(tied[~mask], free[~mask])
    assert (free != start).all()
    memories = [m for m in optimizers[1].state[tied].values() if m.shape == mask.shape]
    assert memories
    assert all((memory[mask] == 0).all() and (memory[~mask] != 0).all() for memory in memories)


# SalUn


def test_saluns_masked_weights_are_the_originals_to_the_bit_under_weight_decay_and_momentum(data: Dataset) -> None:
    method = make("salun", data, share=0.3, epochs=3, lr=0.05, weight_decay=0.1, momentum=0.9)
    assert isinstance(method, SalUn)
    torch.manual_seed(0)
    model = method.build(1)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    model = method.unlearn(model, access(method, data))
    held = [method.held[parameter] for parameter in model.parameters()]
    total = sum(mask.numel() for mask in held)
    assert sum(int(mask.sum()) for mask in held) == total - round(0.3 * total)
    moved = 0
    for parameter, old, mask in zip(model.parameters(), before, held, strict=True):
        assert torch.equal(parameter[mask], old[mask])
        moved += int((parameter[~mask] != old[~mask]).sum())
    assert moved > 0.29 * total, "the others did move"


def test_salun_with_the_whole_mask_is_random_labels_to_the_bit(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    # Labels and order are drawn per method; give both the same ones.
    monkeypatch.setattr(Context, "seed_for", lambda context, purpose: len(purpose))
    settings = {"lr": 0.02, "epochs": 2}
    whole = weights_after("salun", data, share=1.0, **settings)
    assert same(whole, weights_after("random_label", data, **settings))
    assert not same(whole, weights_after("salun", data, share=0.5, **settings))


def test_saluns_mask_is_of_the_largest_gradients_on_the_forget_set(data: Dataset) -> None:
    # For pixel -0.6 the gradient by w is -0.6 times that by b, whatever the label: b alone is salient.
    method = make("salun", data, share=0.5, lr=0.1, epochs=1)
    forget, retain = one_image(51, 1, 0), one_image(255, 0, 1)
    model = method.unlearn(TwoParameters(), Access(method.context.card, forget.ids, forget, retain, retain))
    assert model.w.item() == 0.5  # type: ignore[union-attr, operator]
    assert model.b.item() != -0.25  # type: ignore[union-attr, operator]


def test_saluns_gradients_are_of_eval_mode_and_un_augmented_images_in_batches_of_any_size(data: Dataset) -> None:
    method = make("salun", data)
    model = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(64), nn.Linear(64, 4))
    with torch.no_grad():
        model(torch.randn(50, 1, 8, 8, generator=torch.Generator().manual_seed(0)))  # statistics of something else
    buffers = {name: value.clone() for name, value in model.named_buffers()}
    forget = access(method, data).forget
    images = normalise(torch.from_numpy(np.ascontiguousarray(forget.pixels)))
    model.eval()
    loss = nn.functional.cross_entropy(model(images), torch.from_numpy(forget.labels), reduction="sum")
    expected = torch.autograd.grad(loss, list(model.parameters()))
    for batch_size in (7, 32):
        training = method.context.preset.training.model_copy(
            update={"batch_size": batch_size, "augment": ("crop", "flip")}
        )
        preset = method.context.preset.model_copy(update={"training": training})
        again = SalUn(replace(method.context, preset=preset))
        for found, wanted in zip(again.gradients(model.train(), forget), expected, strict=True):
            torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
    assert same(buffers, dict(model.named_buffers()))
    assert all(parameter.grad is None for parameter in model.parameters())


def test_salun_warns_of_an_empty_mask(data: Dataset) -> None:
    method = make("salun", data, share=0.0, epochs=1)
    torch.manual_seed(0)
    start = {name: value.clone() for name, value in method.build(1).state_dict().items()}
    assert same(after(method, data), start)
    assert [text for text in method.warnings if "mask is empty" in text]
    assert make("salun", data, epochs=1).warnings == []


# l1-sparse


def test_l1_sparse_without_penalty_and_pruning_is_fine_tuning_to_the_bit(data: Dataset) -> None:
    ft, sparse = make("ft", data, epochs=2), make("l1_sparse", data, epochs=2, alpha=0.0, prune=0.0)
    sparse.batches = ft.batches  # type: ignore[method-assign]
    assert same(after(ft, data), after(sparse, data))


def test_the_penalty_falls_linearly_from_alpha_over_all_parameters(
    data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    penalties: list[float] = []
    torch.manual_seed(0)
    method = make("l1_sparse", data, alpha=0.04, epochs=4)
    model = method.build(1)

    def measure(epochs: list[Batches], loss_of: Callable[[Batch], Tensor], optimizer: object) -> None:
        batch = next(iter(epochs[0]))
        with torch.inference_mode():
            penalties.append((loss_of(batch) - nn.functional.cross_entropy(model(batch.images), batch.labels)).item())

    monkeypatch.setattr(l1_sparse, "descend", measure)
    method.unlearn(model, access(method, data))
    norm = sum(parameter.abs().sum().item() for parameter in model.parameters())
    np.testing.assert_allclose(penalties, np.array([0.04, 0.03, 0.02, 0.01]) * norm, rtol=1e-4)


def test_one_step_of_l1_sparse_by_hand(data: Dataset) -> None:
    method = make("l1_sparse", data, alpha=0.05, lr=0.1, momentum=0.0, weight_decay=0.0, epochs=1)
    forget, retain = one_image(255, 0, 0), one_image(51, 1, 1)  # pixels +1 and -0.6
    model = method.unlearn(TwoParameters(), Access(method.context.card, forget.ids, forget, retain, retain))
    expected = np.array([0.5, -0.25]) - 0.1 * (gradient(-0.6, 1) + 0.05 * np.array([1.0, -1.0]))
    np.testing.assert_allclose([model.w.item(), model.b.item()], expected, atol=1e-6)  # type: ignore[union-attr, operator]


def test_pruning_takes_the_smallest_weights_of_all_layers_and_leaves_biases_and_norms(data: Dataset) -> None:
    method = make("l1_sparse", data, prune=0.6)
    assert isinstance(method, L1Sparse)
    torch.manual_seed(0)
    model = method.build(1)
    before = {name: value.clone() for name, value in model.named_parameters()}
    pruned = {name for name, parameter in model.named_parameters() if parameter in method.prune(model)}
    layers = {"embed.weight", "head.weight", "layers.0.linear1.weight", "layers.1.self_attn.in_proj_weight"}
    others = {"embed.bias", "head.bias", "positions", "class_token", "norm.weight", "layers.0.norm1.weight"}
    assert layers <= pruned
    assert not others & pruned
    old = torch.cat([before[name].flatten() for name in sorted(pruned)])
    new = torch.cat([dict(model.named_parameters())[name].flatten() for name in sorted(pruned)])
    gone = (new == 0) & (old != 0)
    assert int(gone.sum()) == round(0.6 * len(old))
    assert old[gone].abs().max() <= old[~gone].abs().min()
    assert torch.equal(new[~gone], old[~gone])
    assert all(torch.equal(before[name], value) for name, value in model.named_parameters() if name not in pruned)


def test_pruned_weights_stay_zero_while_others_are_trained(data: Dataset) -> None:
    method = make("l1_sparse", data, prune=0.6, epochs=2, lr=0.05)
    assert isinstance(method, L1Sparse)
    masks: dict[str, Tensor] = {}
    original = method.prune

    def spy(model: nn.Module) -> dict[nn.Parameter, Tensor]:
        found = original(model)
        masks.update({name: found[p] for name, p in model.named_parameters() if p in found})
        return found

    method.prune = spy  # type: ignore[method-assign]
    weights = after(method, data)
    assert masks
    for name, mask in masks.items():
        assert (weights[name][mask] == 0).all(), name
        assert (weights[name][~mask] != 0).any(), name


# Random labels, which SalUn is made of


def test_random_labels_drawn_once_are_never_the_true_ones_and_stay_the_same(data: Dataset) -> None:
    method = make("random_label", data, labels="once", epochs=3, lr=1e-6)
    seen = labels_seen(method)
    handed = access(method, data, forget=100)
    method.unlearn(method.build(1), handed)
    assert len(seen) == 3
    assert (seen[0][:100] != handed.forget.labels).all()
    classes = len(data.classes)
    assert set((seen[0][:100] - handed.forget.labels) % classes) == set(range(1, classes)), "any other label"
    for labels in seen:
        np.testing.assert_array_equal(labels, seen[0])
        np.testing.assert_array_equal(labels[100:], handed.retain.labels)
