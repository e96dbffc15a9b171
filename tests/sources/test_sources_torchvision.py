"""Layouts and details of the sources that go through torchvision."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
import source_layouts as layouts

from unbench.data.sources.torchvision import FashionMnist
from unbench.errors import DataError, DataMissingError

DEBIAN = Path("/usr/share/datasets")


@pytest.mark.parametrize("place", ["FashionMNIST/raw", "fashion_mnist", "fashion-mnist", "."])
@pytest.mark.parametrize("packed", [True, False])
def test_fashion_mnist_in_each_layout(source, consume, tmp_path, place, packed):
    layouts.fashion_mnist(tmp_path / place, packed)
    raw = consume(source("fashion_mnist"), tmp_path)
    assert raw.classes[9] == "Ankle boot"
    assert raw.splits["train"].labels.tolist() == [*range(10), 0, 1]


def test_fashion_mnist_names_what_is_missing_in_the_fullest_folder(source, tmp_path):
    layouts.fashion_mnist(tmp_path / "fashion-mnist")
    (tmp_path / "fashion-mnist" / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataMissingError) as caught:
        source("fashion_mnist").find(tmp_path)
    assert f"expected t10k-labels-idx1-ubyte.gz in {tmp_path / 'fashion-mnist'};" in str(caught.value)


def test_fashion_mnist_with_labels_of_other_images(source, tmp_path):
    layouts.fashion_mnist(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(b"\0\0\x08\x01\0\0\0\x03" + bytes([1, 2, 3])))
    with pytest.raises(DataError, match=r"train-labels-idx1-ubyte.gz has 12 images but 3 labels"):
        source("fashion_mnist").read(tmp_path)


def test_fashion_mnist_with_a_label_out_of_range(source, tmp_path):
    layouts.fashion_mnist(tmp_path, packed=False)
    path = tmp_path / "t10k-labels-idx1-ubyte"
    path.write_bytes(path.read_bytes()[:-1] + bytes([10]))
    with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte has the label 10, outside 0\.\.9"):
        source("fashion_mnist").read(tmp_path)


def test_fashion_mnist_of_debian_is_the_published_one_however_packed(source):
    if not (DEBIAN / "fashion-mnist").is_dir():
        pytest.skip(f"Debian's package dataset-fashion-mnist is not in {DEBIAN}")
    fashion = source("fashion_mnist")
    files = fashion.find(DEBIAN)
    assert files.published and files.mismatches() == []
    assert fashion.find(DEBIAN / "fashion-mnist").paths == files.paths
    raw = fashion.read(DEBIAN)
    assert [np.bincount(raw.splits[s].labels).tolist() for s in ("train", "test")] == [[6000] * 10, [1000] * 10]
    first = np.asarray(next(iter(raw.splits["train"].images())))
    assert first.shape == (28, 28) and first.sum() == 76247


def test_each_differing_file_is_reported(source, tmp_path):
    layouts.fashion_mnist(tmp_path)
    layouts.svhn(tmp_path)
    layouts.flowers102(tmp_path)
    for name, count in (("fashion_mnist", 4), ("svhn", 2), ("flowers102", 2)):
        files = source(name).find(tmp_path)
        reported = files.mismatches()
        assert files.published and len(reported) == count
        assert all("differs from the published file (MD5" in line and "\n" not in line for line in reported)
    assert FashionMnist.md5["t10k-labels-idx1-ubyte"] in source("fashion_mnist").find(tmp_path).mismatches()[3]


def test_svhn_counts_ten_as_zero(source, consume, tmp_path):
    layouts.svhn(tmp_path)
    labels = consume(source("svhn"), tmp_path).splits["train"].labels
    assert labels.tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2]


def test_flowers_have_the_three_published_splits(source, consume, tmp_path):
    layouts.flowers102(tmp_path)
    raw = consume(source("flowers102"), tmp_path / "flowers-102")
    assert {name: len(split.labels) for name, split in raw.splits.items()} == layouts.COUNTS
    assert len(raw.classes) == 102 and raw.splits["val"].labels[0] == 12


def test_pets_take_trainval_for_train(source, consume, tmp_path):
    layouts.pets(tmp_path)
    raw = consume(source("pets"), tmp_path)
    assert raw.classes == ("Abyssinian", "American Bulldog", "Sphynx")
    assert raw.splits.keys() == {"train", "test"}


def test_aircraft_classes_are_variants_in_the_published_order(source, consume, tmp_path):
    layouts.aircraft(tmp_path)
    raw = consume(source("aircraft"), tmp_path)
    assert raw.classes == ("Boeing 707-320", "Airbus A330-200", "Cessna Citation 525")
    assert raw.splits["test"].labels.tolist() == [0, 1, 2, 0, 1, 2]
