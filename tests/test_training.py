"""Batches, optimisation and models: seeded, deterministic, and right where a hand can check."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from unbench.config import registry
from unbench.config.cards import Training
from unbench.data.batches import Batches, augmented, normalise
from unbench.data.images import Images
from unbench.errors import DivergedError, NotApplicableError, SpecError
from unbench.models import build, build_transformer
from unbench.models.convolutional import BatchNorm
from unbench.models.resnet import ResNet18
from unbench.progress import Progress
from unbench.training.loops import predict, seeded, train_classifier

CPU = torch.device("cpu")
RECIPE = Training(epochs=2, batch_size=8, lr=1e-2, augment=("crop", "flip"))


def images(n: int = 20, side: int = 8) -> Images:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (n, 1, side, side), dtype=np.uint8)
    return Images(pixels, rng.integers(0, 3, n), np.arange(100, 100 + n))


def linear() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 3))


def test_an_epoch_shows_every_image_once_and_the_next_one_in_another_order() -> None:
    batches = Batches(images(), 8, CPU, seed=1)
    epochs = [torch.cat([batch.rows for batch in batches]) for _ in range(2)]
    assert [len(batch.rows) for batch in batches] == [8, 8, 4]
    assert len(batches) == 3
    for epoch in epochs:
        assert sorted(epoch.tolist()) == list(range(20))
    assert epochs[0].tolist() != epochs[1].tolist()
    again = Batches(images(), 8, CPU, seed=1)
    assert torch.cat([batch.rows for batch in again]).tolist() == epochs[0].tolist()


def test_batches_carry_the_labels_of_their_images() -> None:
    data = images()
    for batch in Batches(data, 8, CPU, seed=0):
        np.testing.assert_array_equal(batch.labels, data.labels[batch.rows])
        torch.testing.assert_close(batch.images, normalise(torch.from_numpy(data.pixels[batch.rows])))
    assert normalise(torch.tensor([0, 255], dtype=torch.uint8)).tolist() == [-1, 1]


def test_without_a_seed_the_order_is_kept_and_augmentation_refused() -> None:
    rows = torch.cat([batch.rows for batch in Batches(images(), 8, CPU)])
    assert rows.tolist() == list(range(20))
    with pytest.raises(ValueError, match="seed"):
        Batches(images(), 8, CPU, augment=("flip",))


def test_random_crop_shifts_each_image_whole() -> None:
    picture = torch.arange(1.0, 65).reshape(1, 1, 8, 8).repeat(50, 1, 1, 1)
    cropped = augmented(picture, ["crop"], torch.Generator().manual_seed(0))
    assert cropped.shape == picture.shape
    padded = nn.functional.pad(picture[0], (1, 1, 1, 1), value=-1.0)
    windows = [padded[:, y : y + 8, x : x + 8] for y in range(3) for x in range(3)]
    seen = {next(i for i, window in enumerate(windows) if torch.equal(window, image)) for image in cropped}
    assert len(seen) > 4, "offsets differ from image to image"


def test_training_is_the_same_twice_and_leaves_the_global_generator_alone() -> None:
    def weights() -> torch.Tensor:
        with seeded(3):
            return train_classifier(linear(), images(), RECIPE, 3, CPU, Progress())[1].weight

    torch.manual_seed(0)
    before = torch.get_rng_state()
    first = weights()
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first, weights())


def test_a_loss_that_is_not_finite_stops_training() -> None:
    with pytest.raises(DivergedError):
        train_classifier(linear(), images(), RECIPE.model_copy(update={"lr": 1e20, "epochs": 5}), 0, CPU, Progress())


def test_predictions_do_not_depend_on_the_batch_size_or_the_mode() -> None:
    model = linear().train()
    one, many = (predict(model, {"test": images()}, CPU, batch_size=size)["test"] for size in (1, 512))
    assert one.shape == (20, 3)
    torch.testing.assert_close(one, many)
    assert not model.training


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("model", "size"), [("vit", 8), ("resnet18", 32), ("resnet18", 96), ("convnet", 8), ("convnet", 28)]
)
def test_models_take_their_images_and_give_a_logit_per_class(model: str, size: int, channels: int) -> None:
    preset = (
        registry.dataset("synthetic")
        .presets["cpu"]
        .model_copy(
            update={"image_size": size, "model": model, "model_options": {"patch": 4} if model == "vit" else {}}
        )
    )
    assert build(preset, (channels, size), 7)(torch.zeros(2, channels, size, size)).shape == (2, 7)


def test_batch_norm_takes_a_single_image_whose_maps_have_shrunk_to_a_point() -> None:
    torch.manual_seed(0)
    model = ResNet18(image_size=8, channels=1, classes=2)
    model(torch.randn(6, 1, 8, 8))  # statistics that are not those of a new model
    image, norm = torch.randn(1, 512, 1, 1), model.layer4[1].bn2
    counted = norm.num_batches_tracked.item()
    shift, scale = (statistic[:, None, None] for statistic in (norm.running_mean, (norm.running_var + norm.eps).sqrt()))
    torch.testing.assert_close(norm(image), (image - shift) / scale)
    assert norm.num_batches_tracked.item() == counted == 1
    model(torch.randn(1, 1, 8, 8)).sum().backward()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in model.parameters())


def test_batch_norm_is_otherwise_that_of_pytorch() -> None:
    maps = torch.randn(4, 3, 2, 2)
    ours, theirs = BatchNorm(3), torch.nn.BatchNorm2d(3)
    for case in (maps, maps[:1], maps[:2, :, :1, :1]):
        assert torch.equal(ours(case), theirs(case))
    assert torch.equal(ours.running_var, theirs.running_var)
    assert torch.equal(ours.eval()(maps[:1, :, :1, :1]), theirs.eval()(maps[:1, :, :1, :1]))


def test_a_model_that_does_not_fit_is_refused() -> None:
    preset = registry.dataset("synthetic").presets["cpu"]
    with pytest.raises(SpecError, match="must divide"):
        build(preset.model_copy(update={"model_options": {"patch": 3}}), (1, preset.image_size), 2)
    with pytest.raises(SpecError, match="cannot build"):
        build(preset.model_copy(update={"model_options": {"pach": 4}}), (1, preset.image_size), 2)
    with pytest.raises(SpecError, match="at least 4x4"):
        build(preset.model_copy(update={"model": "convnet", "model_options": {}}), (1, 3), 2)
    with pytest.raises(NotApplicableError, match="needs a transformer"):
        build_transformer(preset.model_copy(update={"model": "resnet18", "model_options": {}}), (1, 8), 2)
