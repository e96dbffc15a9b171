"""Fine-grained data sets that torchvision knows as folders of photographs with tables of labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from unbench.data.sources.base import RawData, RawSplit
from unbench.data.sources.common import file_split, reading
from unbench.data.sources.published import Photographs


def unchecked(name: str) -> Any:
    """Return torchvision's class without its refusal of a differing checksum, which is for the user to accept."""
    from torchvision import datasets

    return type(name, (getattr(datasets, name),), {"_check_integrity": lambda self: True})


class TorchvisionPhotographs(Photographs):
    """Photographs whose tables torchvision reads.

    Attributes:
        library: the class in torchvision.datasets.
        splits: split to the table that lists its images.
        renamed: split to torchvision's name of it, where that is another.
        listing: torchvision's list of paths: private, but there is no public way to have them without decoding.
    """

    library: ClassVar[str]
    splits: ClassVar[dict[str, str]]
    renamed: ClassVar[dict[str, str]] = {}
    listing: ClassVar[str] = "_image_files"

    def by_hand(self, root: Path) -> str:
        """Return what to unpack where."""
        wanted = ", ".join((*self.tables, f"{self.photographs}/"))
        return f"unpack the archives from {self.card.homepage} so that {root / self.home} has {wanted}"

    def download(self, folder: Path) -> None:
        """Download and unpack with torchvision, which checks the archives where their MD5 is published."""
        from torchvision import datasets

        for split in self.splits:
            getattr(datasets, self.library)(folder, self.renamed.get(split, split), download=True)
        for archive in [*folder.glob("*.t*gz"), *folder.glob("*/*.t*gz")]:
            archive.unlink()  # unpacked above, and as large again

    def read(self, root: Path) -> RawData:
        """Return all published splits; raise DataError naming a damaged table or photograph."""
        base = self.base(root)
        classes: tuple[str, ...] = ()
        splits: dict[str, RawSplit] = {}
        for split, table in self.splits.items():
            with reading(base / table):
                dataset = unchecked(self.library)(base.parent, self.renamed.get(split, split))
            classes = classes or tuple(dataset.classes)
            paths = [Path(path) for path in getattr(dataset, self.listing)]
            splits[split] = file_split(paths, dataset._labels, len(classes), base / table)
        return RawData(classes, splits)


class Flowers102(TorchvisionPhotographs):
    """Oxford 102 Flowers: flowers-102/jpg, imagelabels.mat and setid.mat."""

    library = "Flowers102"
    home = "flowers-102"
    photographs = "jpg"
    tables = ("imagelabels.mat", "setid.mat")
    splits: ClassVar = dict.fromkeys(("train", "val", "test"), "setid.mat")
    published = True

    def read(self, root: Path) -> RawData:
        """Return all published splits, after a check of each .mat file: torchvision's errors do not name them."""
        from scipy.io import loadmat

        for path in (self.base(root) / name for name in self.tables):
            with reading(path):
                loadmat(path)
        return super().read(root)

    def checksums(self, paths: tuple[Path, ...]) -> dict[Path, str]:
        """Return the MD5 that torchvision publishes of the two tables."""
        from torchvision.datasets import Flowers102 as Library

        md5 = dict(Library._file_dict.values())
        return {path: md5[path.name] for path in paths}


class Aircraft(TorchvisionPhotographs):
    """FGVC-Aircraft, variants as classes: fgvc-aircraft-2013b/data with images/ and the lists beside it."""

    library = "FGVCAircraft"
    home = "fgvc-aircraft-2013b"
    photographs = "data/images"
    splits: ClassVar = {name: f"data/images_variant_{name}.txt" for name in ("train", "val", "test")}
    tables = ("data/variants.txt", *splits.values())


class Pets(TorchvisionPhotographs):
    """Oxford-IIIT Pets: oxford-iiit-pet/images and annotations/; the published trainval is our train."""

    library = "OxfordIIITPet"
    home = "oxford-iiit-pet"
    photographs = "images"
    splits: ClassVar = {"train": "annotations/trainval.txt", "test": "annotations/test.txt"}
    tables = tuple(splits.values())
    renamed: ClassVar = {"train": "trainval"}
    listing = "_images"
