"""The cache of features: computed once, erased for deleted images, never wrong after damage."""

from __future__ import annotations

import multiprocessing
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from filelock import FileLock
from torch import Tensor, nn

from unbench.data.encoders import load
from unbench.data.encoders.base import Encoder, FeatureEncoder
from unbench.data.encoders.cache import Eviction, FeatureCache
from unbench.data.encoders.pixels import Pca
from unbench.data.images import Dataset, Images
from unbench.errors import DataError


class Counting(FeatureEncoder):
    """An untrained convolution that counts the images it has seen."""

    name = "timm:counting/x"
    trained_on = "nothing"

    def __init__(self) -> None:
        torch.manual_seed(0)
        super().__init__(nn.Conv2d(3, 4, 4, 4), 8, (0.5,) * 3, (0.5,) * 3, torch.device("cpu"))
        assert self.dim == 4
        self.seen = 0

    def _features(self, images: Tensor) -> tuple[Tensor, Tensor]:
        self.seen = getattr(self, "seen", 0) + len(images)
        maps = self.network(images)
        return maps, maps.mean((2, 3))


def split(count: int, first: int) -> Images:
    rng = np.random.default_rng(first)
    pixels = rng.integers(0, 256, (count, 3, 8, 8), dtype=np.uint8)
    return Images(pixels, rng.integers(0, 2, count), np.arange(first, first + count))


@pytest.fixture
def data() -> Dataset:
    return Dataset("toy", 1, ("a", "b"), split(100, 1000), split(20, 0), split(10, 0), "feed", "matches")


@pytest.fixture
def cache(data: Dataset, tmp_path: Path) -> FeatureCache:
    return FeatureCache(data, tmp_path / "features")


def evict(cache: FeatureCache, ids: np.ndarray, split: str = "train") -> int:
    return Eviction(cache.folder, cache.data.splits[split].ids, split)(ids)


def contents(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_a_second_call_computes_nothing(cache: FeatureCache, data: Dataset) -> None:
    encoder = Counting()
    encoder.seen = 0
    maps, keys = cache.maps(encoder, "train"), cache.keys(encoder, "train")
    assert encoder.seen == 100, "one pass gives both"
    assert maps.dtype == np.float16
    assert maps.shape == (100, 4, 2, 2)
    assert keys.dtype == np.float32
    pixels = torch.from_numpy(data.train.pixels)
    np.testing.assert_allclose(keys, encoder.keys(pixels).numpy(), atol=1e-5)
    np.testing.assert_allclose(maps, encoder.features(pixels)["maps"].numpy(), atol=1e-2)
    other = Counting()
    other.seen = 0
    again = FeatureCache(data, cache.folder)
    assert np.array_equal(again.keys(other, "train"), keys)
    assert np.array_equal(again.maps(other, "train"), maps)
    assert other.seen == 0


def test_keys_alone_store_no_maps(cache: FeatureCache) -> None:
    cache.keys(Counting(), "train")
    assert not list(cache.folder.glob("*.maps.*"))


def test_arrays_are_copies(cache: FeatureCache) -> None:
    encoder = Counting()
    keys = cache.keys(encoder, "train")
    keys[:] = 0
    assert cache.keys(encoder, "train").any()


def test_another_version_weights_or_split_is_another_table(cache: FeatureCache) -> None:
    encoder = Counting()
    cache.keys(encoder, "train")
    encoder.seen = 0
    encoder.version = 2
    cache.keys(encoder, "train")
    assert encoder.seen == 100
    encoder.trained_on = "something else"
    cache.keys(encoder, "train")
    assert encoder.seen == 200
    assert cache.keys(encoder, "val").shape == (20, 4)


def test_evicted_rows_leave_no_byte_in_any_file(cache: FeatureCache, data: Dataset) -> None:
    networks: list[FeatureEncoder] = [Counting(), Counting()]
    networks[1].version = 2
    rows = []
    for encoder in networks:
        rows += [cache.maps(encoder, "train"), cache.keys(encoder, "train")]
    rows.append(cache.keys(load("pixels", "cpu"), "train"))
    gone = np.array([3, 50, 99])
    kept = np.setdiff1d(np.arange(100), gone)
    assert all(row.tobytes() in contents(cache.folder) for values in rows for row in values)
    assert evict(cache, data.train.ids[gone]) == 5 * len(gone)
    left = contents(cache.folder)
    for values in rows:
        assert not any(row.tobytes() in left for row in values[gone])
        assert all(row.tobytes() in left for row in values[kept])
    assert evict(cache, data.train.ids[gone]) == 0


def test_evicted_rows_are_computed_afresh_once(cache: FeatureCache, data: Dataset) -> None:
    encoder = Counting()
    before = cache.keys(encoder, "train")
    evict(cache, data.train.ids[:7])
    encoder.seen = 0
    np.testing.assert_array_equal(cache.keys(encoder, "train"), before)
    assert encoder.seen == 7
    cache.keys(encoder, "train")
    assert encoder.seen == 7


def test_eviction_passes_over_unknown_ids_other_splits_and_absent_folders(cache: FeatureCache, data: Dataset) -> None:
    assert evict(cache, data.train.ids) == 0
    assert not cache.folder.exists()
    encoder = Counting()
    cache.keys(encoder, "train")
    cache.keys(encoder, "val")
    assert evict(cache, np.array([5, 99999])) == 0
    assert evict(cache, np.array([5, 99999]), "val") == 1
    encoder.seen = 0
    cache.keys(encoder, "train")
    assert encoder.seen == 0


@pytest.mark.parametrize("damage", ["row", "checksum", "truncated", "empty", "no checksums", "another shape"])
def test_damage_is_computed_again(damage: str, cache: FeatureCache, data: Dataset) -> None:
    encoder = Counting()
    before = cache.keys(encoder, "train")
    (path,) = cache.folder.glob("*.keys.train.npy")
    checks = path.with_suffix(".crc.npy")
    if damage in ("row", "checksum"):
        target = path if damage == "row" else checks
        content = bytearray(target.read_bytes())
        content[-1] ^= 255
        target.write_bytes(content)
    elif damage == "truncated":
        path.write_bytes(path.read_bytes()[:-50])
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "no checksums":
        checks.unlink()
    else:
        np.save(path, np.ones((100, 9), np.float32))
    encoder.seen = 0
    np.testing.assert_array_equal(cache.keys(encoder, "train"), before)
    # A row is 16 bytes.
    lost = {"row": 1, "checksum": 1, "truncated": 4}.get(damage, 100)
    assert encoder.seen == lost
    cache.keys(encoder, "train")
    assert encoder.seen == lost


def test_eviction_removes_a_table_that_it_cannot_read(cache: FeatureCache, data: Dataset) -> None:
    keys = cache.keys(Counting(), "train")
    (path,) = cache.folder.glob("*.keys.train.npy")
    path.write_bytes(b"?" + path.read_bytes()[1:])
    assert evict(cache, data.train.ids[:1]) == 0
    assert keys[0].tobytes() not in contents(cache.folder)


def test_a_crash_leaves_rows_absent(cache: FeatureCache, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = Counting()
    features = encoder._features

    def crash(images: Tensor) -> tuple[Tensor, Tensor]:
        if encoder.seen >= 64:
            raise KeyboardInterrupt
        return features(images)

    encoder.seen = 0
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(encoder, "_features", crash)
        cache.keys(encoder, "train")
    encoder.seen = 0
    keys = cache.keys(encoder, "train")
    assert encoder.seen == 100 - 64
    assert keys.any(axis=1).all()


def test_pca_is_fitted_on_validation_images_alone(cache: FeatureCache, data: Dataset) -> None:
    class Spy(Pca):
        fitted_on: list[Tensor]

        def fit(self, images: Tensor) -> None:
            self.fitted_on = [*getattr(self, "fitted_on", []), images]
            super().fit(images)

    spy = Spy(torch.device("cpu"))
    for name in ("train", "test", "val"):
        assert cache.keys(spy, name).shape == (len(data.splits[name]), 19)
    assert len(spy.fitted_on) == 1
    assert np.array_equal(spy.fitted_on[0].numpy(), data.val.pixels)


def test_pca_keys_belong_to_their_basis(cache: FeatureCache) -> None:
    class Turned(Pca):
        def fit(self, images: Tensor) -> None:
            super().fit(images)
            self.load_state({name: -value for name, value in self.state().items()})

    cache.keys(Pca(torch.device("cpu")), "train")
    turned = Turned(torch.device("cpu"))
    keys = cache.keys(turned, "train")
    pixels = torch.from_numpy(cache.data.train.pixels)
    np.testing.assert_allclose(keys, turned.keys(pixels).numpy(), atol=1e-5)


def _hold(path: str, held: threading.Event, release: threading.Event) -> None:
    with FileLock(path):
        held.set()
        release.wait(20)


def test_processes_take_turns(cache: FeatureCache, data: Dataset) -> None:
    encoder: Encoder = Counting()
    before = cache.keys(encoder, "train")
    context = multiprocessing.get_context("fork")
    held, release = context.Event(), context.Event()
    holder = context.Process(target=_hold, args=(str(cache.folder / ".lock"), held, release))
    holder.start()
    try:
        assert held.wait(20)
        evicting = threading.Thread(target=evict, args=(cache, data.train.ids[:1]))
        evicting.start()
        evicting.join(0.3)
        assert evicting.is_alive(), "another process has the lock"
        assert before[0].tobytes() in contents(cache.folder)
    finally:
        release.set()
        holder.join(20)
    evicting.join(20)
    assert before[0].tobytes() not in contents(cache.folder)


def test_a_folder_that_cannot_be_used_is_named(data: Dataset, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot keep features in"):
        FeatureCache(data, tmp_path / "file" / "features").keys(Counting(), "train")
