"""The contract of a source: find the files, fetch them if asked, read them one split at a time.

A source knows a format and nothing else: no caching, no resizing, no subsets. It is a plain class with the three
methods below, constructed as `Source(card)`; `unbench.data.sources.create` finds it by its card's name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unbench.config.cards import DatasetCard


@dataclass(frozen=True)
class RawSplit:
    """One published split, images still undecoded.

    Attributes:
        labels: int64, (N,).
        images: yields N images in the order of the labels. Errors while decoding are raised as DataError naming
            the file.
    """

    labels: NDArray[np.int64]
    images: Callable[[], Iterable[Image.Image]]


@dataclass(frozen=True)
class RawData:
    """What a source reads: class names, and splits among train, val, test (train and test always)."""

    classes: tuple[str, ...]
    splits: dict[str, RawSplit]


@dataclass(frozen=True)
class Files:
    """What a source found under a data root.

    Attributes:
        paths: every file that determines the data; their sizes and times decide whether a cache is current.
        mismatches: lazily, one clear sentence for each file whose published checksum differs from its own.
        published: whether the publisher gives checksums for these files at all.
    """

    paths: tuple[Path, ...]
    published: bool = False
    mismatches: Callable[[], list[str]] = field(default=list)


class Source(Protocol):
    """Reads one data set in one format."""

    def __init__(self, card: DatasetCard) -> None: ...

    def find(self, root: Path) -> Files:
        """The files of this data set under `root`; raises DataMissingError (which files, where, how to get)."""
        ...

    def fetch(self, root: Path) -> None:
        """Download into `root` with a progress bar, checked; raises DataMissingError if that is impossible."""
        ...

    def read(self, root: Path) -> RawData:
        """Open the files that `find` found; raises DataError naming a corrupt one."""
        ...
