"""Training recipes: what they mean, which backbones they belong to, and that older keys stay."""

from __future__ import annotations

import math

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from unbench.config import registry
from unbench.config.cards import Preset, Recipe, Training
from unbench.data.batches import augmented
from unbench.errors import SpecError
from unbench.experiment.spec import RunSpec
from unbench.models import build
from unbench.training.loops import classification_loss, make_optimizer, recipe_schedule

PLAIN = Training(epochs=4, batch_size=8, lr=0.5)


def rates(recipe: Training, steps: int = 10) -> list[float]:
    optimizer = make_optimizer([nn.Parameter(torch.zeros(1))], recipe)
    schedule, found = recipe_schedule(optimizer, recipe, steps), []
    for _ in range(recipe.epochs * steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return found


def changed(**fields: object) -> Training:
    return Training(**{**PLAIN.model_dump(), **fields})


# Keys


def test_a_field_that_came_later_is_left_out_of_digests_at_its_default() -> None:
    old = {"epochs", "batch_size", "lr", "optimizer", "weight_decay", "warmup_epochs", "momentum", "augment"}
    assert set(PLAIN.meaning()) == old
    for name in Training.LATER:
        assert name in Training.model_fields and name not in old
    assert set(Training.model_fields) == old | Training.LATER
    preset = Preset(image_size=8, training=PLAIN, recipes={"convnet": Recipe()})
    assert set(preset.meaning()) == set(Preset.model_fields) - {"recipes"}
    assert preset.meaning()["training"] == PLAIN.meaning()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("nesterov", False),
        ("schedule", "one_cycle"),
        ("label_smoothing", 0.1),
        ("padding", "reflect"),
        ("precision", "bf16"),
        ("channels_last", True),
    ],
)
def test_any_other_value_enters_the_key(field: str, value: object) -> None:
    assert changed(**{field: value}).meaning() == {**PLAIN.meaning(), field: value}


def test_another_backbone_has_the_key_that_it_had_before_recipes_belonged_to_backbones() -> None:
    spec = RunSpec.parse("none", "digits", model="convnet")
    preset = registry.dataset("digits").presets["cpu"]
    assert spec.preset.training == preset.training
    before = {"model": "convnet", "model_options": {}}
    assert spec.preset.meaning() == {**preset.meaning(), **before}


# Backbones


@pytest.mark.parametrize("name", registry.datasets())
def test_small_presets_have_recipes_for_a_transformer_and_a_convolutional_network(name: str) -> None:
    for preset in ("smoke", "cpu"):
        assert {"vit", "convnet"} <= set(registry.dataset(name).presets[preset].models), preset


def test_a_backbone_without_a_recipe_is_refused_with_those_that_have_one() -> None:
    with pytest.raises(
        SpecError, match=r"preset 'cpu' of dataset 'digits' has no recipe for model 'resnet18'.*vit, convnet"
    ):
        RunSpec.parse("none", "digits", model="resnet18")
    with pytest.raises(SpecError, match=r"unknown model 'resnet19'.*did you mean 'resnet18'"):
        RunSpec.parse("none", "digits", model="resnet19")


def test_a_recipe_of_its_own_replaces_the_presets() -> None:
    own = changed(lr=0.1)
    preset = Preset(image_size=8, training=PLAIN, recipes={"convnet": Recipe(model_options={"width": 4}, training=own)})
    chosen = preset.with_model("convnet")
    assert (chosen.model, chosen.model_options, chosen.training) == ("convnet", {"width": 4}, own)
    assert preset.with_model("vit") is preset


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"schedule": "steps"}, "milestones"),
        ({"milestones": (1,)}, "milestones"),
        ({"schedule": "steps", "milestones": (4,)}, "between 0 and the number of epochs"),
        ({"label_smoothing": 1}, "less than 1"),
        ({"precision": "fp16"}, "bf16"),
    ],
)
def test_a_recipe_that_cannot_be_followed_is_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        changed(**fields)


# Schedules, by hand


def test_cosine_falls_to_zero_after_a_linear_warm_up() -> None:
    found = rates(PLAIN)
    assert found[:10] == pytest.approx([0.05 * step for step in range(1, 11)])
    assert found[25] == pytest.approx(0.5 * 0.5 * (1 + math.cos(math.pi * 15 / 30)))


def test_steps_multiply_the_rate_at_each_milestone() -> None:
    found = rates(changed(schedule="steps", milestones=(1, 3), warmup_epochs=0))
    assert found == pytest.approx([0.5] * 10 + [0.05] * 20 + [0.005] * 10)


def test_one_cycle_rises_and_falls_in_straight_lines() -> None:
    found = rates(changed(schedule="one_cycle"))
    assert found[9:13] == pytest.approx([0.5, 0.5, 0.5 * 29 / 30, 0.5 * 28 / 30])
    assert found[-1] == pytest.approx(0.5 / 30)


# What the network is shown, and how it is judged


def test_label_smoothing_is_that_of_the_recipe() -> None:
    class Batch:
        images, labels = torch.tensor([[2.0, 0.0]]), torch.tensor([0])

    log = torch.log_softmax(Batch.images, 1)[0]
    found = classification_loss(nn.Identity(), 0.2)(Batch())  # type: ignore[arg-type]
    assert found.item() == pytest.approx(-(0.9 * log[0] + 0.1 * log[1]).item())


@pytest.mark.parametrize("kind", [torch.uint8, torch.float32])
def test_a_crop_reflects_the_image_at_its_edge(kind: torch.dtype) -> None:
    picture = torch.arange(64).reshape(1, 1, 8, 8).repeat(50, 1, 1, 1).to(kind)
    padded = nn.functional.pad(picture[:1].float(), (1, 1, 1, 1), mode="reflect")[0].to(kind)
    windows = [padded[:, y : y + 8, x : x + 8] for y in range(3) for x in range(3)]
    moved = augmented(picture, ["crop"], torch.Generator().manual_seed(0), "reflect")
    assert len({next(i for i, window in enumerate(windows) if torch.equal(window, one)) for one in moved}) > 4


def test_a_flip_mirrors_about_every_second_image() -> None:
    picture = torch.arange(64, dtype=torch.uint8).reshape(1, 1, 8, 8).repeat(200, 1, 1, 1)
    moved = augmented(picture, ["flip"], torch.Generator().manual_seed(0))
    mirrored = sum(torch.equal(one, picture[0].flip(2)) for one in moved)
    assert sum(torch.equal(one, picture[0]) for one in moved) + mirrored == 200
    assert 70 < mirrored < 130


# Precision and layout


@pytest.mark.parametrize("model", ["vit", "convnet", "cifarnet", "resnet18"])
def test_a_network_computes_in_its_own_precision_whoever_calls_it(model: str) -> None:
    recipe = changed(precision="bf16", channels_last=True)
    preset = Preset(
        image_size=16, model=model, model_options={"width": 8} if model == "cifarnet" else {}, training=recipe
    )
    torch.manual_seed(0)
    network = build(preset, (3, 16), 5).eval()
    images = torch.rand(4, 3, 16, 16)
    logits = network(images)
    assert logits.dtype == torch.float32
    assert all(weight.dtype == torch.float32 for weight in network.parameters())
    plain = build(preset.model_copy(update={"training": PLAIN}), (3, 16), 5).eval()
    plain.load_state_dict(network.state_dict())
    exact = plain(images)
    assert 0 < (logits - exact).abs().max() < 0.05 * exact.abs().max()
    # The casts must follow the weights: a second pass after a step sees other weights.
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(0.1)
    assert not torch.equal(network(images), logits)


def test_a_transformer_reads_the_map_of_its_trunk() -> None:
    options = {"width": 16, "depth": 1, "heads": 2, "patch": 1, "trunk": "cifarnet", "trunk_width": 8}
    model = build(Preset(image_size=32, model_options=options, training=PLAIN), (3, 32), 5)
    assert model.patches == 9
    assert model(torch.rand(2, 3, 32, 32)).shape == (2, 5)
    with pytest.raises(SpecError, match="no trunk is called 'resnet'; known: convnet, cifarnet"):
        build(Preset(image_size=32, model_options={"trunk": "resnet"}, training=PLAIN), (3, 32), 5)
