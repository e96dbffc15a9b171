"""Sources of images: one class per format, imported only when a card asks for it."""

from __future__ import annotations

import importlib

from unbench.config.cards import DatasetCard
from unbench.data.sources.base import ImageSource
from unbench.errors import CardError, UnknownNameError

SOURCES = {
    "cub": "cub:Cub",
    "digits": "sklearn:Digits",
    "fashion_mnist": "fashion_mnist:FashionMnist",
    "flowers102": "torchvision:Flowers102",
    "aircraft": "torchvision:Aircraft",
    "pets": "torchvision:Pets",
    "folder": "folder:Folder",
    "huggingface": "huggingface:HuggingFace",
    "medmnist": "medmnist:MedMnist",
    "svhn": "svhn:Svhn",
    "synthetic": "synthetic:Synthetic",
}
"""Loader name (a card's `source`) to module and class in this package."""


def create(card: DatasetCard) -> ImageSource:
    """Return the source that `card.source` names, for this card; raise CardError with the nearest name."""
    if card.source not in SOURCES:
        raise CardError(f"data set '{card.name}': {UnknownNameError('source', card.source, SOURCES)}")
    module, _, kind = SOURCES[card.source].partition(":")
    source: ImageSource = getattr(importlib.import_module(f"{__name__}.{module}"), kind)(card)
    return source
