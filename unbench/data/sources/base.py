"""The contract of a source: find the files, fetch them if asked, read them one split at a time.

A source knows a format and nothing else: no caching, no resizing, no subsets. `unbench.data.sources.create` constructs
the one that a card names. The functions below the contract are what sources share: errors that name the file, checked
labels, and images decoded one at a time.
"""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unbench.config.cards import DatasetCard
from unbench.data.images import Ints
from unbench.errors import CardError, DataError, DataMissingError, UnbenchError

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


def one_line(error: BaseException) -> str:
    """Return an error's message on one line, cut to 300 characters; its type's name where it has none."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 300 else f"{text[:300]}…"


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn whatever a parser raises for a damaged file into a DataError that names it."""
    try:
        yield
    except UnbenchError:
        raise
    except Exception as error:  # parsers of damaged files raise nearly anything
        raise DataError(f"cannot read {path}, it is truncated or corrupt: {one_line(error)}") from error


def checked_labels(values: Any, classes: int, where: Path) -> Ints:
    """Return `values` as int64 labels in 0..classes-1; raise DataError naming the file where they are not."""
    labels = np.asarray(values)
    if labels.ndim != 1 or not len(labels) or not np.issubdtype(labels.dtype, np.integer):
        raise DataError(f"{where} does not hold one whole-number label per image")
    check_range(labels, classes, f"{where}")
    return labels.astype(np.int64)


def check_range(labels: NDArray[Any], classes: int, where: str) -> None:
    """Raise DataError naming `where` unless the labels (N,) are in 0..classes-1."""
    for label in (int(labels.min()), int(labels.max())):
        if not 0 <= label < classes:
            raise DataError(f"{where} has the label {label}, outside 0..{classes - 1} ({classes} classes)")


def array_split(pixels: NDArray[Any], labels: Any, classes: int, where: Path) -> RawSplit:
    """Return a split of images in memory; raise DataError unless they are uint8, (N, H, W) or (N, H, W, 3)."""
    checked = checked_labels(labels, classes, where)
    if pixels.dtype != np.uint8 or pixels.ndim not in (3, 4) or (pixels.ndim == 4 and pixels.shape[3] != 3):
        raise DataError(f"{where} does not hold 8-bit grey or RGB images, but {pixels.dtype} {pixels.shape}")
    if len(pixels) != len(checked):
        raise DataError(f"{where} has {len(pixels)} images but {len(checked)} labels")
    return RawSplit(checked, lambda: (Image.fromarray(np.ascontiguousarray(image)) for image in pixels))


def file_split(paths: Sequence[Path], labels: Any, classes: int, where: Path) -> RawSplit:
    """Return a split of image files, which are decoded one at a time; raise DataError if one listed is absent."""
    checked = checked_labels(labels, classes, where)
    for path in paths:
        if not path.is_file():
            raise DataError(f"{where} lists {path}, which does not exist")
    return RawSplit(checked, lambda: (decode(path, path) for path in paths))


def decode(source: Path | BinaryIO, where: object) -> Image.Image:
    """Decode one image of 8 bits per channel; raise DataError naming `where` if it is corrupt or deeper."""
    try:
        with Image.open(source) as image:
            image.load()
    except Exception as error:  # Pillow's decoders raise nearly anything on damaged files
        raise DataError(f"cannot decode the image {where}: {one_line(error)}") from error
    if image.mode.startswith(("I", "F")):  # Pillow would clip these to white without a warning
        raise DataError(f"the image {where} has more than 8 bits per channel; convert it first")
    return image


def list_files(*folders: Path) -> tuple[Path, ...]:
    """Return all files under the folders, sorted; links are followed, as torchvision's image folders do."""
    walks = (os.walk(folder, followlinks=True) for folder in folders)
    return tuple(sorted(Path(base, name) for walk in walks for base, _, names in walk for name in names))
