"""Caltech-UCSD Birds 200-2011 in its official layout, which no library reads."""

from __future__ import annotations

from pathlib import Path

from unbench.config.cards import DatasetCard
from unbench.data.sources.base import Files, RawData, RawSplit
from unbench.data.sources.common import file_split, list_files, missing, reading
from unbench.data.sources.download import staged
from unbench.errors import DataError

HOME = "CUB_200_2011"
URL = "https://data.caltech.edu/records/65de6-vp158/files/CUB_200_2011.tgz"
MD5 = "97eceeb196236b17998738112f37df78"
_TABLES = ("images.txt", "image_class_labels.txt", "train_test_split.txt", "classes.txt")


class Cub:
    """Photographs of birds: images/ and four tables of "number value" lines, in CUB_200_2011 or the root.

    images.txt (image, file), image_class_labels.txt (image, class), train_test_split.txt (image, 1 for train)
    and classes.txt (class, name). The classes are those of classes.txt, so a subset of the birds works too.
    """

    def __init__(self, card: DatasetCard) -> None:
        self.card = card

    def find(self, root: Path) -> Files:
        """Tables and images; raises DataMissingError naming those absent."""
        base = self._base(root)
        tables = [base / name for name in _TABLES]
        images = list_files(base / "images")
        absent = [str(path) for path in tables if not path.is_file()]
        if not images:
            absent.append(f"photographs in {base / 'images'}")
        if absent:
            raise missing(self.card, root, ", ".join(absent))
        return Files((*tables, *images))

    def fetch(self, root: Path) -> None:
        """Download and unpack the official archive with torchvision's tools, which check its MD5."""
        from torchvision.datasets.utils import download_and_extract_archive

        with staged(self.card, root, f"unpack {URL} in {root}") as folder:
            download_and_extract_archive(URL, folder, md5=MD5, remove_finished=True)

    def read(self, root: Path) -> RawData:
        """Train and test; raises DataError naming the table or image that is damaged or does not fit."""
        base = self._base(root)
        self.find(root)
        images, labels, parts, classes = (_table(base / name) for name in _TABLES)
        for name, table in ((_TABLES[1], labels), (_TABLES[2], parts)):
            if odd := images.keys() ^ table.keys():
                raise DataError(f"{base / name} and images.txt disagree about image {min(odd)}")
        for image, bird in labels.items():
            if not bird.isdecimal() or int(bird) not in classes:
                raise DataError(f"{base / _TABLES[1]} gives image {image} the class {bird}, not in classes.txt")
            if parts[image] not in ("0", "1"):
                raise DataError(f"{base / _TABLES[2]} gives image {image} the split {parts[image]}, not 0 or 1")
        position = {bird: k for k, bird in enumerate(sorted(classes))}
        splits: dict[str, RawSplit] = {}
        for split, flag in (("train", "1"), ("test", "0")):
            rows = [image for image in sorted(images) if parts[image] == flag]
            paths = [base / "images" / images[image] for image in rows]
            targets = [position[int(labels[image])] for image in rows]
            splits[split] = file_split(paths, targets, len(classes), base / "images.txt")
        return RawData(tuple(classes[bird] for bird in sorted(classes)), splits)

    def _base(self, root: Path) -> Path:
        return root if (root / "images.txt").is_file() else root / HOME


def _table(path: Path) -> dict[int, str]:
    """A file of "number value" lines; raises DataError naming a line that is not one or repeats a number."""
    with reading(path):
        lines = path.read_text("utf-8").splitlines()
    table: dict[int, str] = {}
    for count, line in enumerate(lines, 1):
        number, _, value = line.strip().partition(" ")
        if not number.isdecimal() or not value or int(number) in table:
            raise DataError(f"{path}, line {count}: '{line}' is not a new number and a value")
        table[int(number)] = value
    return table
