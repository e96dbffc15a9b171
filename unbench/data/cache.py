"""A cache of decoded images on disk, so that a second run starts at once.

CACHE/decoded/<name>-<signature>/ holds one .npy of pixels and one of labels per split, and a manifest with their
hashes. The signature covers the source files (names, sizes, times), the card and the image size: where one of them
changes, the images are decoded again. So they are where the hashes show that the cache is damaged.
"""

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock
from numpy.lib.format import open_memmap
from PIL import Image, ImageOps
from pydantic import BaseModel

from unbench.config.cards import DatasetCard
from unbench.config.seeds import digest
from unbench.data.images import Bytes, Ints
from unbench.data.sources.base import Files, ImageSource, RawData, check_range
from unbench.errors import DataError, refusals_as
from unbench.progress import Progress
from unbench.store.files import atomic_folder

DECODE_VERSION = 1
"""To increment when decoding or resizing changes, so that no old cache is used."""


class Manifest(BaseModel):
    """What is known of decoded images: class names, the SHA-256 of each array, and how the source files compare."""

    classes: tuple[str, ...]
    hashes: dict[str, str]
    mismatches: tuple[str, ...]
    published: bool


@dataclass(frozen=True)
class Decoded:
    """All published splits of a data set at one size: pixels (N, C, S, S) memory-mapped, labels (N,)."""

    manifest: Manifest
    splits: dict[str, tuple[Bytes, Ints]]


def cache_folder() -> Path:
    """Return UNBENCH_CACHE, or the user's cache folder."""
    from platformdirs import user_cache_path

    named = os.environ.get("UNBENCH_CACHE")
    return Path(named) if named else user_cache_path("unbench")


def decode(
    card: DatasetCard, source: ImageSource, files: Files, root: Path, image_size: int, progress: Progress
) -> Decoded:
    """Decode every split, or map what was decoded before; raise DataError naming what is wrong."""
    name = f"{card.name}-{_signature(card, files, image_size)}"
    folder = cache_folder() / "decoded" / name
    with refusals_as(DataError, f"cannot keep decoded images in {folder.parent}"):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.parent / f".{name}.lock"):
            found = _open(folder)
            if found is not None:
                return found
            shutil.rmtree(folder, ignore_errors=True)
            _write(folder, card, source.read(root), files, image_size, progress)
            found = _open(folder)
    if found is None:
        raise DataError(f"the decoded images in {folder} changed while they were written; try again")
    return found


def _signature(card: DatasetCard, files: Files, image_size: int) -> str:
    # Paths relative to the folder they share: the same files elsewhere are the same data, but a file moved from one
    # class folder to another makes another data set.
    common = Path(os.path.commonpath([path.parent for path in files.paths])) if files.paths else Path()
    stats = sorted((path.relative_to(common).as_posix(), path.stat()) for path in files.paths)
    options = card.model_dump(mode="json", include={"name", "version", "source", "source_options", "channels"})
    return digest([DECODE_VERSION, options, image_size, [[name, s.st_size, s.st_mtime_ns] for name, s in stats]])


def _write(folder: Path, card: DatasetCard, raw: RawData, files: Files, image_size: int, progress: Progress) -> None:
    _check(card, raw)
    with atomic_folder(folder) as temporary:
        hashes = {}
        for split, content in raw.splits.items():
            count, images = len(content.labels), iter(content.images())
            shape = (count, card.channels, image_size, image_size)
            pixels = open_memmap(temporary / f"{split}.pixels.npy", mode="w+", dtype=np.uint8, shape=shape)
            for row in progress.named(f"decoding {card.name} {split}").track(range(count), "images"):
                image = next(images, None)
                if image is None:
                    raise DataError(f"{card.name} {split} has {count} labels but only {row} images")
                pixels[row] = to_bytes(image, card.channels, image_size)
            pixels.flush()
            del pixels
            np.save(temporary / f"{split}.labels.npy", content.labels.astype(np.int64))
            for part in ("pixels", "labels"):
                hashes[f"{split}.{part}"] = file_hash(temporary / f"{split}.{part}.npy")
        manifest = Manifest(
            classes=raw.classes, hashes=hashes, mismatches=tuple(files.mismatches()), published=files.published
        )
        (temporary / "manifest.json").write_text(manifest.model_dump_json(indent=1), "utf-8")


def to_bytes(image: Image.Image, channels: int, size: int) -> Bytes:
    """Return an image as uint8 (C, size, size): short side scaled to `size`, centre cropped."""
    converted = image.convert("L" if channels == 1 else "RGB")
    if converted.size != (size, size):
        converted = ImageOps.fit(converted, (size, size), method=Image.Resampling.BILINEAR)
    array = np.asarray(converted, dtype=np.uint8)
    return array[None] if channels == 1 else array.transpose(2, 0, 1)


def _check(card: DatasetCard, raw: RawData) -> None:
    for split in ("train", "test"):
        if split not in raw.splits or len(raw.splits[split].labels) == 0:
            raise DataError(f"{card.name} has no {split} images")
    for split, content in raw.splits.items():
        check_range(content.labels, len(raw.classes), f"{card.name} {split}")


def _open(folder: Path) -> Decoded | None:
    try:
        manifest = Manifest.model_validate_json((folder / "manifest.json").read_bytes())
        if any(file_hash(folder / f"{name}.npy") != value for name, value in manifest.hashes.items()):
            return None
        splits = {
            split: (
                np.load(folder / f"{split}.pixels.npy", mmap_mode="r", allow_pickle=False),
                np.load(folder / f"{split}.labels.npy", allow_pickle=False),
            )
            for split in sorted({name.partition(".")[0] for name in manifest.hashes})
        }
        return Decoded(manifest, splits)
    except (OSError, ValueError):
        return None


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file's content, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
