"""The way from a card and a data root to train, validation and test images of one preset."""

import os
from pathlib import Path
from typing import Literal

import numpy as np

from unbench.config.cards import DatasetCard, Preset
from unbench.config.seeds import derive_seed, digest
from unbench.data import sources
from unbench.data.cache import Decoded, cache_folder, decode
from unbench.data.images import Dataset, Images, Ints
from unbench.data.sources.base import Files, ImageSource
from unbench.errors import ChecksumError, DataMissingError
from unbench.progress import Progress

Checksums = Literal["auto", "strict", "accept"]


def load_dataset(
    card: DatasetCard,
    preset: Preset,
    data_root: Path | str | None = None,
    checksums: Checksums = "auto",
    progress: Progress | None = None,
    download: bool = True,
) -> Dataset:
    """Find (or fetch), decode (or map from the cache), split and subset a data set.

    Args:
        card, preset: what to load and how much of it.
        data_root: folder with the files; default UNBENCH_DATA, else unbench's own folder, filled by download.
        checksums: what to do when files differ from the published ones. "strict" refuses; "accept" goes on and
            records the difference in the result; "auto" accepts files in a data root that the user named, and refuses
            others.
        progress: shows decoding.
        download: fetch missing files, where the source can be reached.

    Raises:
        DataMissingError, ChecksumError, DataError: see unbench.errors.
    """
    named = data_root or os.environ.get("UNBENCH_DATA")
    root = Path(named) if named else cache_folder() / "data"
    if named and not root.is_dir():
        raise DataMissingError(f"the data root {root} is not a folder")
    source = sources.create(card)
    files = _find_or_fetch(source, root) if download else source.find(root)
    decoded = decode(card, source, files, root, preset.image_size, progress or Progress())
    mismatches = (*decoded.manifest.mismatches, *_size_mismatches(card, decoded))
    accepted = checksums == "accept" or (checksums == "auto" and named is not None)
    if mismatches and not accepted:
        more = f" (and {len(mismatches) - 1} more)" if len(mismatches) > 1 else ""
        raise ChecksumError(f"{mismatches[0]}{more}; to use it anyway, pass --checksums accept")
    return _split(card, preset, decoded, mismatches)


def _find_or_fetch(source: ImageSource, root: Path) -> Files:
    try:
        return source.find(root)
    except DataMissingError as missing:
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise missing from error
        source.fetch(root)
        return source.find(root)


def _size_mismatches(card: DatasetCard, decoded: Decoded) -> tuple[str, ...]:
    found, classes = [], len(decoded.manifest.classes)
    if card.classes and classes != card.classes:
        found.append(f"{card.name} has {classes} classes here, {card.classes} as published")
    for split, size in card.sizes.items():
        here = len(decoded.splits[split][1]) if split in decoded.splits else 0
        if here != size:
            found.append(f"{card.name} has {here} {split} images here, {size} as published")
    return tuple(found)


def _split(card: DatasetCard, preset: Preset, decoded: Decoded, mismatches: tuple[str, ...]) -> Dataset:
    rows = {name: np.arange(len(labels)) for name, (_, labels) in decoded.splits.items()}
    origin = {"train": "train", "val": "val", "test": "test"}
    if "val" not in decoded.splits:
        # Carved before any subset is taken, so that every preset validates on the same kind of images.
        labels = decoded.splits["train"][1]
        count = max(1, round(card.val_fraction * len(labels)))
        rows["val"] = stratified(labels, count, derive_seed("validation split", card.name, card.version))
        rows["train"] = np.setdiff1d(rows["train"], rows["val"])
        origin["val"] = "train"
    parts = {}
    for name, size in (("train", preset.train_size), ("val", preset.val_size), ("test", preset.test_size)):
        pixels, labels = decoded.splits[origin[name]]
        if size and size < len(rows[name]):
            seed = derive_seed("subset", card.name, card.version, name, size)
            rows[name] = rows[name][stratified(labels[rows[name]], size, seed)]
        # A whole split stays on disk, mapped; a subset is small enough to copy.
        whole = len(rows[name]) == len(labels)
        parts[name] = Images(pixels if whole else np.asarray(pixels[rows[name]]), labels[rows[name]], rows[name])
    meaning = [
        decoded.manifest.hashes,
        list(decoded.manifest.classes),
        preset.image_size,
        {name: digest(part.tolist()) for name, part in rows.items()},
    ]
    checksum = "differs" if mismatches else "matches" if decoded.manifest.published else "none published"
    return Dataset(
        card.name,
        card.version,
        decoded.manifest.classes,
        **parts,
        fingerprint=digest(meaning),
        checksum=checksum,
        mismatches=mismatches,
    )


def stratified(labels: Ints, count: int, seed: int) -> Ints:
    """Draw `count` sorted positions in which each class, rare ones too, keeps its share to within one image."""
    order = np.random.default_rng(seed).permutation(len(labels))
    place = np.empty(len(labels))
    for label in np.unique(labels):
        members = order[labels[order] == label]
        place[members] = (np.arange(len(members)) + 0.5) / len(members)
    return np.sort(order[np.argsort(place[order], kind="stable")][:count])
