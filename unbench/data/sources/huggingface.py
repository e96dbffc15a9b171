"""Any image data set of the Hugging Face hub: Parquet files in the hub's layout, read from disk.

The datasets library interprets their columns.
"""

import io
import re
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain, product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unbench.config.cards import DatasetCard
from unbench.data.sources.base import Files, ImageSource, RawData, RawSplit, checked_labels, decode, reading
from unbench.data.sources.published import differing, explained
from unbench.errors import CardError, ChecksumError, DataError

SUMS = "SHA256SUMS"
"""Written beside the files, in the format of sha256sum: so `sha256sum -c` works on it too."""

ROWS = 256
"""Images of a file in memory at once, still encoded."""


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
        paths = chain.from_iterable(parts.values())
        return Files(tuple(paths), bool(sums), lambda: differing(sums, "sha256"))

    def fetch(self, root: Path) -> None:
        """Download the splits' files from the hub into <card's name>/<folder>, and check them.

        Raises:
            ChecksumError: a file arrived damaged; it is deleted.
            DataMissingError: the hub cannot be reached.
        """
        from huggingface_hub import HfApi, snapshot_download
        from huggingface_hub.utils import filter_repo_objects

        home = root / self.card.name  # mirrors the hub's folders
        place = home / self.folder
        prefix = f"{self.folder}/" if self.folder else ""
        endings = ("-*.parquet", ".parquet", "/*.parquet")
        wanted = [f"{prefix}{name}{end}" for name, end in product(self.splits.values(), endings)]
        by_hand = f"put {', '.join(wanted[::3])} of the hub's data set {self.hub} in {place}"
        with explained(self.card, by_hand):
            info = HfApi().dataset_info(self.hub, revision=self.revision, files_metadata=True)
            # The library checks sizes only, and writes each file under another name until it is whole.
            snapshot_download(self.hub, repo_type="dataset", revision=info.sha, local_dir=home, allow_patterns=wanted)
            published = {f.rfilename: f.lfs.sha256 for f in info.siblings or () if f.lfs}
            sums = {home / name: published[name] for name in filter_repo_objects(published, allow_patterns=wanted)}
            damaged = {path: fault for path, sha256 in sums.items() for fault in differing({path: sha256}, "sha256")}
            for path in damaged:
                path.unlink()
            if damaged:
                fault = next(iter(damaged.values()))
                raise ChecksumError(f"the download of {self.card.name} arrived damaged and was deleted: {fault}")
            lines = [f"{sha256}  {path.relative_to(place).as_posix()}\n" for path, sha256 in sums.items()]
            if lines:
                (place / SUMS).write_text("".join(lines), "utf-8")

    def read(self, root: Path) -> RawData:
        """Return all splits; raise DataError naming a file, and the row in it, that is damaged."""
        _, parts = self._locate(root)
        labels = {path: read_labels(path, self.image, self.label) for path in chain.from_iterable(parts.values())}
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
        place = next((folder for folder in places if any(shards(folder, name)[0] for name in names)), places[0])
        found = {split: shards(place, name) for split, name in self.splits.items()}
        absent = [name for _, lacking in found.values() for name in lacking]
        if absent:
            how = f"unbench downloads it where there is a network, or get it from the hub's data set {self.hub}"
            raise self.missing(root, f"{', '.join(absent)} in {place}", how)
        return place, {split: paths for split, (paths, _) in found.items()}


def read_sums(folder: Path, more: str = "") -> dict[Path, str]:
    """Return the published SHA-256 of files in `folder`: those kept beside them, and `more` in that format."""
    kept = folder / SUMS
    with reading(kept):
        text = kept.read_text("utf-8") if kept.is_file() else ""
        pairs = [line.split(maxsplit=1) for line in f"{text}\n{more}".splitlines() if line.strip()]
        return {folder / name: sha256 for sha256, name in pairs if (folder / name).is_file()}


def shards(folder: Path, split: str) -> tuple[tuple[Path, ...], list[str]]:
    """Return the files of one split in `folder`, in order, and the names of those that are missing."""
    pattern = re.compile(rf"{re.escape(split)}-(\d+)-of-(\d+)(-\w+)?\.parquet")
    files = _files(folder)
    numbered = {path: match for path in files if (match := pattern.fullmatch(path.name))}
    if numbered:
        total = max(int(match[2]) for match in numbered.values())
        have = {int(match[1]) for match in numbered.values()}
        return tuple(numbered), [f"{split}-{k:05d}-of-{total:05d}.parquet" for k in range(total) if k not in have]
    plain = _files(folder / split) or [path for path in files if path.name == f"{split}.parquet"]
    return tuple(plain), [] if plain else [f"{split}-*.parquet"]


def read_labels(path: Path, image: str, label: str) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Return the labels (N,) of one file, and the class names in its ClassLabel feature, if it has one.

    Raises:
        DataError: the file is damaged, or lacks a column or a label.
    """
    from datasets.features import ClassLabel, Features
    from pyarrow import parquet

    with reading(path):
        schema = parquet.read_schema(path)  # in the footer, the last thing in the file
        for name in (image, label):
            if name not in schema.names:
                raise DataError(f"{path} has no column '{name}', only {', '.join(schema.names)}")
        feature = Features.from_arrow_schema(schema)[label]
        column = parquet.read_table(path, columns=[label]).column(label)
    if column.null_count:
        raise DataError(f"{path} has {column.null_count} rows without a label in '{label}'")
    values: NDArray[Any] = column.to_numpy()
    if not len(values) or not np.issubdtype(values.dtype, np.integer):
        raise DataError(f"{path} does not hold a whole number in each row of '{label}'")
    return values, tuple(feature.names) if isinstance(feature, ClassLabel) else ()


def images(paths: Sequence[Path], column: str) -> Iterator[Image.Image]:
    """Decode the images of some files row by row; raise DataError naming file and row of a damaged one."""
    from datasets.features import Image as Encoded
    from pyarrow import parquet

    # Neither load_dataset, which asks the hub even about local files, nor a stream of datasets, whose threads may abort
    # Python as it exits (huggingface/datasets issue 7467).
    for path in paths:
        with reading(path), parquet.ParquetFile(path) as file:
            parts = (batch.column(column) for batch in file.iter_batches(ROWS, columns=[column], use_threads=False))
            rows = chain.from_iterable(Encoded(decode=False).cast_storage(part).to_pylist() for part in parts)
            for number, row in enumerate(rows):
                where = f"{path}, row {number}"
                if not (row and row["bytes"]):
                    raise DataError(f"{where} has no image in '{column}'")
                yield decode(io.BytesIO(row["bytes"]), where)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.parquet") if path.is_file())
