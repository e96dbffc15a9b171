"""Sources without files of their own: digits and synthetic; and how sources are found by name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from unbench.config import registry
from unbench.data import sources
from unbench.data.sources.base import RawSplit
from unbench.errors import CardError, DataMissingError


def changed(name: str, **fields: object):
    return sources.create(registry.dataset(name).model_copy(update=fields))


def pixels(split: RawSplit) -> np.ndarray:
    return np.stack([np.asarray(image) for image in split.images()])


def test_digits_are_all_there_in_a_fixed_stratified_split(source, consume, tmp_path):
    raw = consume(source("digits"), tmp_path)
    train, test = raw.splits["train"], raw.splits["test"]
    assert (len(train.labels), len(test.labels), raw.classes) == (1347, 450, tuple("0123456789"))
    assert np.bincount(test.labels).min() >= 43
    images = pixels(test)
    assert images.shape == (450, 8, 8) and images.min() == 0 and images.max() == 255
    # The split is part of the data set: should a release of scikit-learn draw another, this must be noticed.
    assert test.labels[:12].tolist() == [1, 4, 8, 6, 5, 9, 9, 1, 3, 5, 2, 2]


def test_digits_split_covers_every_image_once(source, tmp_path):
    from sklearn.datasets import load_digits

    raw = source("digits").read(tmp_path)
    both = np.concatenate([pixels(split) for split in raw.splits.values()]).reshape(-1, 64)
    original = np.rint(load_digits().images * (255 / 16)).reshape(-1, 64)
    assert np.array_equal(np.unique(both, axis=0), np.unique(original, axis=0)) and len(both) == len(original)


def test_digits_without_their_file_say_so(source, tmp_path, monkeypatch):
    monkeypatch.setattr("unbench.data.sources.builtin.find_spec", lambda name: None)
    with pytest.raises(DataMissingError, match=r"digits\.csv\.gz"):
        source("digits").fetch(tmp_path)


def test_synthetic_is_the_same_each_time_and_another_with_another_seed(source, consume, tmp_path):
    first, again = (pixels(consume(source("synthetic"), tmp_path).splits["train"]) for _ in range(2))
    options = {**registry.dataset("synthetic").source_options, "seed": 1}
    other = pixels(changed("synthetic", source_options=options).read(tmp_path).splits["train"])
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_synthetic_can_be_learnt_and_leaves_something_to_memorise(source, tmp_path):
    raw = source("synthetic").read(tmp_path)
    train, test = (pixels(raw.splits[name]).reshape(-1, 64).astype(float) for name in ("train", "test"))
    labels = raw.splits["train"].labels
    means = np.stack([train[labels == k].mean(axis=0) for k in range(4)])
    nearest = ((test[:, None] - means) ** 2).sum(axis=-1).argmin(axis=1)
    assert 0.6 < (nearest == raw.splits["test"].labels).mean() < 0.98


@pytest.mark.parametrize("options", [{"size": 6}, {"classes": 0}, {"train": "many"}, {"seed": -1}])
def test_synthetic_refuses_options_that_make_no_images(options):
    with pytest.raises(CardError, match="synthetic"):
        changed("synthetic", source_options=options)


def test_synthetic_in_colour(consume, tmp_path):
    assert pixels(consume(changed("synthetic", channels=3), tmp_path).splits["test"]).shape == (80, 8, 8, 3)


def test_an_unknown_source_offers_the_nearest():
    with pytest.raises(CardError, match=r"data set 'digits'.*did you mean 'huggingface'"):
        changed("digits", source="hugginface")


@pytest.mark.parametrize("name", sorted(sources.SOURCES))
def test_finding_files_imports_no_heavy_library(name, tmp_path):
    card = next(card.name for card in registry.datasets().values() if card.source == name)
    code = f"""
import sys
from pathlib import Path
from unbench.config import registry
from unbench.data import sources
from unbench.errors import DataMissingError
try:
    sources.create(registry.dataset({card!r})).find(Path({str(tmp_path)!r}))
except DataMissingError:
    pass
heavy = {{"torch", "torchvision", "datasets", "medmnist", "sklearn", "scipy"}} & set(sys.modules)
assert not heavy, heavy
"""
    repo = Path(__file__).resolve().parents[2]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=repo)
