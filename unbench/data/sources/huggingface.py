"""Any image data set of the Hugging Face hub: Parquet files in the hub's layout, read from disk."""

from __future__ import annotations

from functools import partial
from itertools import product
from pathlib import Path

import numpy as np

from unbench.config.cards import DatasetCard
from unbench.data.sources.base import Files, ImageSource, RawData, RawSplit
from unbench.data.sources.common import checked_labels, first
from unbench.data.sources.download import differing
from unbench.data.sources.hub import fetch_files, read_sums
from unbench.data.sources.parquet import images, read_labels, shards
from unbench.errors import CardError


class HuggingFace(ImageSource):
    """A hub data set with an image and a whole-number label in each row.

    Source options: hub, its id ("owner/name"); folder, that of its Parquet files there (mostly the name of a
    configuration, or "data"); revision; sha256, checksums in the format of sha256sum, relative to folder; image
    and label, the two columns; train, val and test, the names of its splits (val "" where there is none).

    Files called train-00000-of-00001.parquet, train.parquet or train/0000.parquet are looked for in <card's
    name>/<folder>, <hub name>/<folder>, <folder>, <card's name>, <hub name>, and the data root itself.
    """

    def __init__(self, card: DatasetCard) -> None:
        super().__init__(card)
        self.hub = self.option("hub", "")
        self.folder = self.option("folder", "data")
        self.revision = self.option("revision", "main")
        self.sha256 = self.option("sha256", "")
        self.image = self.option("image", "image")
        self.label = self.option("label", "label")
        names = {split: self.option(split, "" if split == "val" else split) for split in ("train", "val", "test")}
        self.splits = {split: name for split, name in names.items() if name}
        if self.hub.count("/") != 1 or not {"train", "test"} <= self.splits.keys():
            raise CardError(f"data set '{card.name}': source options need hub = 'owner/name', train and test")

    def find(self, root: Path) -> Files:
        """Return the Parquet files of all splits; raise DataMissingError naming those absent."""
        place, parts = self._locate(root)
        sums = read_sums(place, self.sha256)
        paths = tuple(path for part in parts.values() for path in part)
        return Files(paths, bool(sums), lambda: differing(sums, "sha256"))

    def fetch(self, root: Path) -> None:
        """Download from the hub into <card>/<folder>; raise ChecksumError if a file arrives damaged."""
        prefix = f"{self.folder}/" if self.folder else ""
        endings = ("-*.parquet", ".parquet", "/*.parquet")
        patterns = [f"{prefix}{name}{end}" for name, end in product(self.splits.values(), endings)]
        fetch_files(self.card, self.hub, self.revision, patterns, root / self.card.name, self.folder)

    def read(self, root: Path) -> RawData:
        """Return all splits; raise DataError naming a file, and the row in it, that is damaged."""
        _, parts = self._locate(root)
        labels = {path: read_labels(path, self.image, self.label) for part in parts.values() for path in part}
        classes = labels[parts["train"][0]][1]
        if not classes:
            known = self.card.classes or 1 + max(int(labels[path][0].max()) for path in parts["train"])
            classes = tuple(map(str, range(known)))
        splits: dict[str, RawSplit] = {}
        for split, paths in parts.items():
            checked = [checked_labels(labels[path][0], len(classes), path) for path in paths]
            splits[split] = RawSplit(np.concatenate(checked), partial(images, paths, self.image))
        return RawData(classes, splits)

    def _locate(self, root: Path) -> tuple[Path, dict[str, tuple[Path, ...]]]:
        """Return the folder in use, and the files of each split in it."""
        homes = [root / self.card.name, root / self.hub.split("/")[1]]
        places = [*(home / self.folder for home in homes), root / self.folder, *homes, root]
        names = self.splits.values()
        place = first(places, lambda folder: any(shards(folder, name)[0] for name in names)) or places[0]
        found = {split: shards(place, name) for split, name in self.splits.items()}
        absent = [name for _, lacking in found.values() for name in lacking]
        if absent:
            how = f"unbench downloads it where there is a network, or get it from the hub's data set {self.hub}"
            raise self.missing(root, f"{', '.join(absent)} in {place}", how)
        return place, {split: paths for split, (paths, _) in found.items()}
