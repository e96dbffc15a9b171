"""Every data set card makes sense by itself and agrees with what its library knows."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from unbench.config import registry
from unbench.config.cards import DatasetCard
from unbench.data import sources
from unbench.data.sources.torchvision import Flowers102, Svhn

CARDS = registry.datasets()
WANTED = {
    "natural": {"digits", "fashion_mnist", "cifar10", "cifar100", "svhn"},
    "fine-grained": {"cub", "flowers102", "aircraft", "cars", "pets"},
    "medical": {"pneumoniamnist", "dermamnist", "bloodmnist", "pathmnist", "retinamnist"},
    "synthetic": {"synthetic"},
    "custom": {"folder"},
}


def test_all_families_are_there():
    for family, names in WANTED.items():
        assert names <= {card.name for card in CARDS.values() if card.family == family}


@pytest.mark.parametrize("name", sorted(CARDS))
def test_a_card_can_be_used_and_cited(name):
    card = CARDS[name]
    sources.create(card)
    assert card.licence and card.citation
    assert card.classes >= 2 or card.family == "custom"
    assert card.sizes or card.family == "custom"
    assert {"smoke", "cpu", "paper"} <= card.presets.keys()
    for preset in card.presets.values():
        options = preset.model_options
        if preset.model == "vit" and options:
            assert preset.image_size % int(options["patch"]) == 0
            assert int(options["width"]) % int(options["heads"]) == 0


def test_mirrored_digits_and_chests_are_not_made():
    for name in ("digits", "svhn", "pneumoniamnist"):
        assert not any("flip" in preset.training.augment for preset in CARDS[name].presets.values())


def test_class_counts_are_those_of_torchvision():
    from torchvision import datasets as library

    assert CARDS["fashion_mnist"].classes == len(library.FashionMNIST.classes)
    assert CARDS["flowers102"].classes == len(library.Flowers102.classes)


def test_checksums_are_those_of_torchvision():
    from torchvision import datasets as library

    published = {name: md5 for _, name, md5 in library.SVHN.split_list.values()}
    published |= dict(library.Flowers102._file_dict.values())
    for kind in (Svhn, Flowers102):
        assert kind.md5.items() <= published.items()


def test_the_example_in_the_readme_is_a_card():
    readme = Path(__file__).resolve().parents[2] / "datasets" / "README.md"
    example = readme.read_text("utf-8").split("```toml")[1].split("```")[0]
    sources.create(DatasetCard.model_validate(tomllib.loads(example)))
