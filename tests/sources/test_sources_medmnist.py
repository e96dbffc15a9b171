"""MedMNIST files, real and made up."""

from __future__ import annotations

import numpy as np
import pytest
import source_layouts as layouts

from unbench.config import registry
from unbench.data import sources
from unbench.errors import CardError, DataError


def variant(**options: object):
    card = registry.dataset("pneumoniamnist")
    return sources.create(card.model_copy(update={"source_options": {**card.source_options, **options}}))


def test_the_real_subset_reads_and_its_difference_is_reported(source, consume, shared_data):
    if not (shared_data / "medmnist" / "pneumoniamnist.npz").is_file():
        pytest.skip(f"no medmnist/pneumoniamnist.npz in {shared_data}")
    raw = consume(source("pneumoniamnist"), shared_data)
    assert raw.classes == ("normal", "pneumonia")
    assert {k: len(s.labels) for k, s in raw.splits.items()} == {"train": 3882, "val": 524, "test": 624}
    (reported,) = source("pneumoniamnist").find(shared_data).mismatches()
    assert "pneumoniamnist.npz differs from the published file" in reported


def test_a_larger_size_has_its_own_file(consume, tmp_path):
    layouts.medmnist(tmp_path, "pneumoniamnist_64.npz", 64)
    raw = consume(variant(size=64), tmp_path)
    assert next(iter(raw.splits["val"].images())).size == (64, 64)


@pytest.mark.parametrize("options", [{"size": 32}, {"size": "28"}, {"flag": 3}])
def test_options_that_the_library_does_not_have(options):
    with pytest.raises(CardError, match="data set 'pneumoniamnist'"):
        variant(**options)


def test_an_unknown_flag_offers_the_nearest(tmp_path):
    layouts.medmnist(tmp_path, "pneumonia.npz")
    with pytest.raises(CardError, match="did you mean 'pneumoniamnist'"):
        variant(flag="pneumonia").read(tmp_path)


def test_several_labels_per_image_are_refused(tmp_path):
    layouts.medmnist(tmp_path, "chestmnist.npz")
    with np.load(tmp_path / "chestmnist.npz") as file:
        arrays = {name: file[name].repeat(14, 1) if "labels" in name else file[name] for name in file}
    np.savez(tmp_path / "chestmnist.npz", **arrays)
    with pytest.raises(DataError, match=r"chestmnist\.npz has several labels per image"):
        variant(flag="chestmnist").read(tmp_path)


def test_nothing_is_unpickled(source, tmp_path):
    np.savez(tmp_path / "pneumoniamnist.npz", train_images=np.array([{"a": 1}], dtype=object))
    with pytest.raises(DataError, match=r"pneumoniamnist\.npz.*allow_pickle"):
        source("pneumoniamnist").read(tmp_path)


@pytest.mark.parametrize("name", [c.name for c in registry.datasets().values() if c.source == "medmnist"])
def test_cards_agree_with_the_library(name):
    from medmnist import INFO

    card, info = registry.dataset(name), INFO[name]
    assert card.classes == len(info["label"]) and card.channels == info["n_channels"]
    assert card.sizes == info["n_samples"] and card.licence == info["license"]
