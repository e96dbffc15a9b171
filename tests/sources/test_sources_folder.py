"""A person's own images."""

from __future__ import annotations

import numpy as np
import pytest
import source_layouts as layouts
from PIL import Image

from unbench.errors import DataError, DataMissingError


def test_classes_are_the_sorted_folders_of_train(source, consume, tmp_path):
    layouts.folder(tmp_path)
    layouts.picture(tmp_path / "train" / "ant" / "deep" / "er.png")
    layouts.picture(tmp_path / "train" / ".trash" / "old.png")
    (tmp_path / "train" / "ant" / "notes.txt").write_text("not an image")
    raw = consume(source("folder"), tmp_path)
    assert raw.classes == ("ant", "cat", "dog")
    assert raw.splits["train"].labels.tolist() == [0] + [1] * 6 + [2] * 6
    assert raw.splits["test"].labels.tolist() == [1] * 3 + [2] * 3


def test_in_a_folder_of_the_cards_name_and_without_val(source, consume, tmp_path):
    layouts.folder(tmp_path / "folder")
    (tmp_path / "folder" / "val").rename(tmp_path / "elsewhere")
    assert consume(source("folder"), tmp_path).splits.keys() == {"train", "test"}


def test_a_linked_class_folder_is_followed(source, consume, tmp_path):
    layouts.folder(tmp_path / "data")
    (tmp_path / "data" / "train" / "dog").rename(tmp_path / "dogs")
    (tmp_path / "data" / "train" / "dog").symlink_to(tmp_path / "dogs")
    assert consume(source("folder"), tmp_path / "data").classes == ("cat", "dog")
    assert sum("dog" in path.parts for path in source("folder").find(tmp_path / "data").paths) == 12


def test_without_test_images(source, tmp_path):
    layouts.picture(tmp_path / "train" / "cat" / "1.png")
    with pytest.raises(DataMissingError, match=r"expected .*test, each with a folder of images per class"):
        source("folder").find(tmp_path)


def test_a_class_without_training_images(source, tmp_path):
    layouts.folder(tmp_path)
    layouts.picture(tmp_path / "test" / "wolf" / "1.png")
    with pytest.raises(DataError, match="test/wolf is a class without training images"):
        source("folder").read(tmp_path)


def test_an_empty_class(source, tmp_path):
    layouts.folder(tmp_path)
    (tmp_path / "train" / "emu").mkdir()
    with pytest.raises(DataError, match="train: Found no valid file for the classes emu"):
        source("folder").read(tmp_path)


def test_images_without_class_folders(source, tmp_path):
    layouts.picture(tmp_path / "train" / "1.png")
    layouts.picture(tmp_path / "test" / "1.png")
    with pytest.raises(DataError, match="train has no class folders; one folder of images per class is expected"):
        source("folder").read(tmp_path)


def test_deep_pixels_are_refused_rather_than_clipped(source, tmp_path):
    layouts.folder(tmp_path)
    Image.fromarray(np.full((9, 9), 40_000, dtype=np.uint16)).save(tmp_path / "train" / "cat" / "0.png")
    with pytest.raises(DataError, match=r"train/cat/0\.png has more than 8 bits per channel"):
        list(source("folder").read(tmp_path).splits["train"].images())
