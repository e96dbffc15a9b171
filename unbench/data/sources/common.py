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

from unbench.data.images import Ints
from unbench.data.sources.base import RawSplit
from unbench.errors import DataError, UnbenchError


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


def first(candidates: Iterable[Path], fits: Callable[[Path], bool]) -> Path | None:
    """Return the first candidate that fits, or None."""
    return next((path for path in candidates if fits(path)), None)
