"""From files to a Dataset: cache, subsets, validation split, checksums."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unbench.config import registry
from unbench.config.cards import DatasetCard
from unbench.data import Dataset, cache, load_dataset
from unbench.errors import ChecksumError, DataError, DataMissingError

CARD = registry.dataset("folder")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two classes, 20 train and 6 test pictures each, of odd sizes."""
    rng = np.random.default_rng(0)
    for split, count in (("train", 20), ("test", 6)):
        for label, name in enumerate(("ant", "bee")):
            folder = tmp_path / "data" / split / name
            folder.mkdir(parents=True)
            for i in range(count):
                pixels = rng.integers(0, 120, (40, 50, 3), dtype=np.uint8) + np.uint8(120 * label)
                Image.fromarray(pixels).save(folder / f"{i}.png")
    return tmp_path / "data"


@pytest.fixture(autouse=True)
def fresh_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("UNBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def load(root: Path | None, card: DatasetCard = CARD, **more: object) -> Dataset:
    return load_dataset(card, card.presets["smoke"], root, **more)  # type: ignore[arg-type]


def test_splits_are_disjoint_and_of_the_right_form(root: Path) -> None:
    data = load(root)
    size = CARD.presets["smoke"].image_size
    assert data.classes == ("ant", "bee")
    assert len(data.train) + len(data.val) == 40
    assert len(data.test) == 12
    assert not set(data.train.ids) & set(data.val.ids)
    for part in (data.train, data.val, data.test):
        assert part.pixels.dtype == np.uint8
        assert part.pixels.shape[1:] == (3, size, size)
        bright = part.pixels.mean(axis=(1, 2, 3)) > 120
        np.testing.assert_array_equal(bright, part.labels == 1)


def test_the_second_time_nothing_is_decoded(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load(root)

    def never(*_: object) -> None:
        raise AssertionError("decoded again")

    monkeypatch.setattr(cache, "to_bytes", never)
    second = load(root)
    assert first.fingerprint == second.fingerprint
    np.testing.assert_array_equal(first.train.pixels, second.train.pixels)


def test_a_changed_file_is_decoded_again_and_changes_the_fingerprint(root: Path) -> None:
    before = load(root).fingerprint
    Image.new("RGB", (40, 50), "red").save(root / "train" / "ant" / "0.png")
    assert load(root).fingerprint != before


def test_the_same_files_elsewhere_are_the_same_data(root: Path, tmp_path: Path) -> None:
    before = load(root).fingerprint
    shutil.copytree(root, tmp_path / "moved")
    assert load(tmp_path / "moved").fingerprint == before


def test_a_damaged_cache_is_made_again(root: Path, fresh_cache: Path) -> None:
    before = load(root)
    (pixels,) = fresh_cache.glob("decoded/*/train.pixels.npy")
    content = bytearray(pixels.read_bytes())
    content[-5] ^= 0xFF
    pixels.write_bytes(content)
    after = load(root)
    assert after.fingerprint == before.fingerprint
    np.testing.assert_array_equal(before.test.pixels, after.test.pixels)
    pixels.write_bytes(b"")
    assert load(root).fingerprint == before.fingerprint


def test_a_corrupt_image_is_named_and_nothing_half_decoded_stays(root: Path, fresh_cache: Path) -> None:
    bad = root / "train" / "bee" / "7.png"
    bad.write_bytes(bad.read_bytes()[:100])
    with pytest.raises(DataError, match=r"7\.png"):
        load(root)
    assert not list(fresh_cache.glob("decoded/folder-*"))
    assert not [p for p in fresh_cache.glob("decoded/.*") if p.is_dir()]


def test_missing_data_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(DataMissingError, match="train") as caught:
        load(tmp_path)
    assert "\n" not in str(caught.value)
    with pytest.raises(DataMissingError, match="is not a folder"):
        load(tmp_path / "nowhere")


def test_the_data_root_may_come_from_the_environment(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNBENCH_DATA", str(root))
    assert len(load(None).test) == 12


def test_files_that_differ_are_accepted_knowingly_and_the_result_records_it(root: Path) -> None:
    card = CARD.model_copy(update={"sizes": {"train": 50}})
    with pytest.raises(ChecksumError, match="40 train images here, 50 as published"):
        load(root, card, checksums="strict")
    for choice in ("accept", "auto"):  # auto: the user named this data root
        data = load(root, card, checksums=choice)
        assert data.checksum == "differs"
        assert "50 as published" in data.mismatches[0]
    assert load(root).checksum == "none published"


def test_files_that_unbench_fetched_must_be_the_published_ones(root: Path, fresh_cache: Path) -> None:
    shutil.copytree(root, fresh_cache / "data")
    card = CARD.model_copy(update={"sizes": {"train": 50}})
    with pytest.raises(ChecksumError, match="--checksums accept"):
        load(None, card)


def test_a_subset_keeps_the_shares_of_the_classes(root: Path) -> None:
    preset = CARD.presets["smoke"].model_copy(update={"train_size": 10, "test_size": 4})
    data = load_dataset(CARD, preset, root)
    assert np.bincount(data.train.labels).tolist() == [5, 5]
    assert np.bincount(data.test.labels).tolist() == [2, 2]
    again = load_dataset(CARD, preset, root)
    np.testing.assert_array_equal(data.train.ids, again.train.ids)


def test_a_class_without_test_images_and_an_empty_split_are_handled(root: Path) -> None:
    shutil.rmtree(root / "test")
    (root / "test").mkdir()
    with pytest.raises(DataError):
        load(root)


def test_an_image_moved_to_another_class_is_another_data_set(root: Path) -> None:
    before = load(root)
    shutil.move(root / "train" / "ant" / "3.png", root / "train" / "bee" / "99.png")
    shutil.move(root / "train" / "bee" / "3.png", root / "train" / "ant" / "3.png")
    shutil.move(root / "train" / "bee" / "99.png", root / "train" / "bee" / "3.png")
    after = load(root)
    assert after.fingerprint != before.fingerprint
