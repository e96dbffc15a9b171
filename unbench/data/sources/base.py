"""The contract of a source: find the files, fetch them if asked, read them one split at a time.

A source knows a format and nothing else: no caching, no resizing, no subsets. `unbench.data.sources.create` constructs
the one that a card names.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from PIL import Image

from unbench.config.cards import DatasetCard
from unbench.data.images import Ints
from unbench.errors import CardError, DataMissingError

T = TypeVar("T", int, str)


@dataclass(frozen=True)
class RawSplit:
    """One published split, images still undecoded.

    Attributes:
        labels: int64, (N,).
        images: yields N images in the order of the labels; raises DataError naming a file that cannot be decoded.
    """

    labels: Ints
    images: Callable[[], Iterable[Image.Image]]


@dataclass(frozen=True)
class RawData:
    """Class names, and the splits among train, val and test (always train and test), as a source reads them."""

    classes: tuple[str, ...]
    splits: dict[str, RawSplit]


@dataclass(frozen=True)
class Files:
    """The files of a data set that a source found under a data root.

    Attributes:
        paths: every file that determines the data; their sizes and times decide whether a cache is current.
        published: whether the publisher gives checksums for these files at all.
        mismatches: computes one sentence for each file whose checksum differs from the published one.
    """

    paths: tuple[Path, ...]
    published: bool = False
    mismatches: Callable[[], list[str]] = field(default=list)


class ImageSource(ABC):
    """One data set in one format."""

    def __init__(self, card: DatasetCard) -> None:
        self.card = card

    @abstractmethod
    def find(self, root: Path) -> Files:
        """Return the files of this data set under `root`; raise DataMissingError (which, where, how to get them)."""

    def fetch(self, root: Path) -> None:
        """Download into `root` with a progress bar and check; raise DataMissingError if that is impossible.

        A source whose images nobody publishes only checks that they are there.
        """
        self.find(root)

    @abstractmethod
    def read(self, root: Path) -> RawData:
        """Open the files that `find` found; raise DataError naming a corrupt one."""

    def option(self, name: str, default: T) -> T:
        """Return a source option of the card; raise CardError if it does not have the type of `default`."""
        value = self.card.source_options.get(name, default)
        if type(value) is not type(default):
            kind = type(default).__name__
            raise CardError(f"data set '{self.card.name}': source option '{name}' must be {kind}, not '{value}'")
        return value

    def missing(self, root: Path, expected: str, how: str = "") -> DataMissingError:
        """Return the error for absent files: what is expected where, and how to get it."""
        how = how or f"unbench downloads it where there is a network, or get it from {self.card.homepage}"
        return DataMissingError(f"no {self.card.name} under {root}: expected {expected}; {how}")
