"""Caltech-UCSD Birds 200-2011 in its official layout, which no library reads."""

from pathlib import Path

from unbench.data.sources.base import RawData, RawSplit, file_split, reading
from unbench.data.sources.published import Photographs
from unbench.errors import DataError

URL = "https://data.caltech.edu/records/65de6-vp158/files/CUB_200_2011.tgz"
MD5 = "97eceeb196236b17998738112f37df78"


class Cub(Photographs):
    """Photographs of birds: images/ and four tables of "number value" lines, in CUB_200_2011 or the root.

    images.txt (image, file), image_class_labels.txt (image, class), train_test_split.txt (image, 1 for train)
    and classes.txt (class, name). The classes are those of classes.txt, so a subset of the birds works too.
    """

    home = "CUB_200_2011"
    photographs = "images"
    tables = ("images.txt", "image_class_labels.txt", "train_test_split.txt", "classes.txt")

    def by_hand(self, root: Path) -> str:
        """Return which archive to unpack where."""
        return f"unpack {URL} in {root}"

    def download(self, folder: Path) -> None:
        """Download and unpack the official archive with torchvision's tools, which check its MD5."""
        from torchvision.datasets.utils import download_and_extract_archive

        download_and_extract_archive(URL, folder, md5=MD5, remove_finished=True)

    def read(self, root: Path) -> RawData:
        """Return train and test; raise DataError naming the table or image that is damaged or does not fit."""
        self.find(root)
        base = self.base(root)
        listed, by_image, by_split, by_class = (base / name for name in self.tables)
        images, labels, parts, classes = (_table(base / name) for name in self.tables)
        for path, table in ((by_image, labels), (by_split, parts)):
            if odd := images.keys() ^ table.keys():
                raise DataError(f"{path} and images.txt disagree about image {min(odd)}")
        for image, bird in labels.items():
            if not bird.isdecimal() or int(bird) not in classes:
                raise DataError(f"{by_image} gives image {image} the class {bird}, not in {by_class.name}")
            if parts[image] not in ("0", "1"):
                raise DataError(f"{by_split} gives image {image} the split {parts[image]}, not 0 or 1")
        position = {bird: k for k, bird in enumerate(sorted(classes))}
        splits: dict[str, RawSplit] = {}
        for split, flag in (("train", "1"), ("test", "0")):
            rows = [image for image in sorted(images) if parts[image] == flag]
            paths = [base / "images" / images[image] for image in rows]
            splits[split] = file_split(paths, [position[int(labels[image])] for image in rows], len(classes), listed)
        return RawData(tuple(classes[bird] for bird in position), splits)

    def base(self, root: Path) -> Path:
        """Return the folder of the tables: the data root if it has them, else one below it."""
        return root if (root / "images.txt").is_file() else root / self.home


def _table(path: Path) -> dict[int, str]:
    """Read a file of "number value" lines; raise DataError naming a line that is not one or repeats a number."""
    with reading(path):
        lines = path.read_text("utf-8").splitlines()
    table: dict[int, str] = {}
    for count, line in enumerate(lines, 1):
        number, _, value = line.strip().partition(" ")
        if not number.isdecimal() or not value or int(number) in table:
            raise DataError(f"{path}, line {count}: '{line}' is not a new number and a value")
        table[int(number)] = value
    return table
