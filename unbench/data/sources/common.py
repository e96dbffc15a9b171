"""What all sources share: errors that name the file, checked labels, and images decoded one at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unbench.config.cards import DatasetCard
from unbench.data.images import Bytes, Ints
from unbench.data.sources.base import RawSplit
from unbench.errors import CardError, DataError, DataMissingError, UnbenchError


def option(card: DatasetCard, name: str, default: Any) -> Any:
    """`card.source_options[name]`, which must have the type of `default`; raises CardError if it has not."""
    value = card.source_options.get(name, default)
    if type(value) is not type(default):
        kind = type(default).__name__
        raise CardError(f"data set '{card.name}': source option '{name}' must be {kind}, not '{value}'")
    return value


def missing(card: DatasetCard, root: Path, expected: str, how: str = "") -> DataMissingError:
    """The error for files that are not there: what is expected where, and how to get it."""
    how = how or f"unbench downloads it where there is a network, or get it from {card.homepage}"
    return DataMissingError(f"no {card.name} under {root}: expected {expected}; {how}")


def one_line(error: BaseException) -> str:
    """An error's message on one line of bearable length; its type's name where it has none."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 300 else f"{text[:300]}…"


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn whatever a parser throws at a damaged file into a DataError that names it."""
    try:
        yield
    except UnbenchError:
        raise
    except Exception as error:  # parsers of damaged files raise nearly anything
        raise DataError(f"cannot read {path}, it is truncated or corrupt: {one_line(error)}") from error


def checked_labels(values: Any, classes: int, where: Path) -> Ints:
    """`values` as int64 labels in 0..classes-1; raises DataError naming the file where they are not."""
    labels = np.asarray(values)
    if labels.ndim != 1 or not len(labels) or not np.issubdtype(labels.dtype, np.integer):
        raise DataError(f"{where} does not hold one whole-number label per image")
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= classes:
        bad = low if low < 0 else high
        raise DataError(f"{where} has the label {bad}, outside 0..{classes - 1} ({classes} classes)")
    return labels.astype(np.int64)


def array_split(pixels: NDArray[Any], labels: Any, classes: int, where: Path) -> RawSplit:
    """A split of images in memory; raises DataError unless they are uint8, (N, H, W) or (N, H, W, 3)."""
    checked = checked_labels(labels, classes, where)
    if pixels.dtype != np.uint8 or pixels.ndim not in (3, 4) or (pixels.ndim == 4 and pixels.shape[3] != 3):
        raise DataError(f"{where} does not hold 8-bit grey or RGB images, but {pixels.dtype} {pixels.shape}")
    if len(pixels) != len(checked):
        raise DataError(f"{where} has {len(pixels)} images but {len(checked)} labels")
    return RawSplit(checked, lambda: _from_arrays(pixels))


def file_split(paths: Sequence[Path], labels: Any, classes: int, where: Path) -> RawSplit:
    """A split of image files, listed in `where`; all must exist, and each is decoded when its turn comes."""
    checked = checked_labels(labels, classes, where)
    for path in paths:
        if not path.is_file():
            raise DataError(f"{where} lists {path}, which is not there")
    return RawSplit(checked, lambda: (decode(path, path) for path in paths))


def decode(source: Path | BinaryIO, where: object) -> Image.Image:
    """Decode one image of 8 bits per channel; raises DataError naming `where` if it is corrupt or deeper."""
    try:
        with Image.open(source) as image:
            image.load()
    except Exception as error:  # Pillow's decoders raise nearly anything on damaged files
        raise DataError(f"cannot decode the image {where}: {one_line(error)}") from error
    if image.mode.startswith(("I", "F")):  # Pillow would clip these to white without a word
        raise DataError(f"the image {where} has more than 8 bits per channel; convert it first")
    return image


def list_files(*folders: Path) -> tuple[Path, ...]:
    """All files under the folders, sorted; links are followed, as torchvision's image folders do."""
    walks = (os.walk(folder, followlinks=True) for folder in folders)
    return tuple(sorted(Path(base, name) for walk in walks for base, _, names in walk for name in names))


def first(candidates: Iterable[Path], fits: Callable[[Path], bool]) -> Path | None:
    """The first candidate that fits, or None."""
    return next((path for path in candidates if fits(path)), None)


def _from_arrays(pixels: Bytes) -> Iterator[Image.Image]:
    return (Image.fromarray(np.ascontiguousarray(image)) for image in pixels)
