"""Sources of images: one class per format, imported only when a card asks for it."""

import pkgutil

from unbench.config.cards import DatasetCard
from unbench.config.plugins import load_class
from unbench.data.sources.base import ImageSource
from unbench.errors import CardError, UnknownNameError

SOURCES = {
    "cub": "cub:Cub",
    "digits": "builtin:Digits",
    "fashion_mnist": "torchvision:FashionMnist",
    "flowers102": "torchvision:Flowers102",
    "aircraft": "torchvision:Aircraft",
    "pets": "torchvision:Pets",
    "folder": "folder:Folder",
    "huggingface": "huggingface:HuggingFace",
    "medmnist": "medmnist:MedMnist",
    "svhn": "torchvision:Svhn",
    "synthetic": "builtin:Synthetic",
}
"""Loader name (a card's `source`) to module and class in this package."""


def create(card: DatasetCard) -> ImageSource:
    """Create the source of a card: one of SOURCES, or a class of a plug-in as "module:Class".

    Raises:
        CardError: there is no such source; the message offers the nearest name.
    """
    if ":" in card.source:
        kind = load_class(card, card.source)
        lacking = [name for name in ("find", "fetch", "read") if not callable(getattr(kind, name, None))]
        if lacking:
            raise CardError(f"data set '{card.name}': {card.source} lacks the methods {', '.join(lacking)}")
    elif card.source in SOURCES:
        kind = pkgutil.resolve_name(f"{__name__}.{SOURCES[card.source]}")
    else:
        raise CardError(f"data set '{card.name}': {UnknownNameError('source', card.source, SOURCES)}")
    source: ImageSource = kind(card)
    return source
