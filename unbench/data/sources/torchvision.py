"""Fine-grained data sets that torchvision knows as folders of photographs with tables of labels."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

from unbench.config.cards import DatasetCard
from unbench.data.sources.base import Files, RawData, RawSplit
from unbench.data.sources.common import file_split, list_files, missing, reading
from unbench.data.sources.download import differing, staged


class _Photographs(ABC):
    """What the three have in common: one folder with a fixed name, tables, and a folder of JPEG files.

    The folder `home` is looked for under the data root, which may also be that folder itself.
    """

    home: ClassVar[str]
    photographs: ClassVar[str]
    tables: ClassVar[dict[str, str]]
    """Split to the file, below `home`, that lists its images."""
    others: ClassVar[tuple[str, ...]] = ()
    """Further files needed, below `home`."""
    listing: ClassVar[str] = "_image_files"
    """torchvision's list of paths: private, but there is no public way to have them without decoding."""

    def __init__(self, card: DatasetCard) -> None:
        self.card = card

    def find(self, root: Path) -> Files:
        """Tables and photographs; raises DataMissingError naming those absent."""
        base = self._base(root)
        tables = [base / name for name in self._needed()]
        photographs = list_files(base / self.photographs)
        absent = [str(path) for path in tables if not path.is_file()]
        if not photographs:
            absent.append(f"photographs in {base / self.photographs}")
        if absent:
            raise missing(self.card, root, ", ".join(absent))
        return Files((*tables, *photographs), bool(self._checksums(base)), lambda: self._mismatches(base))

    def fetch(self, root: Path) -> None:
        """Download and unpack with torchvision, which checks the archives where their MD5 is published."""
        wanted = ", ".join((*self._needed(), f"{self.photographs}/"))
        by_hand = f"unpack the archives from {self.card.homepage} so that {root / self.home} has {wanted}"
        with staged(self.card, root, by_hand) as folder:
            for split in self.tables:
                self._open(folder, split, download=True)
            for archive in [*folder.glob("*.t*gz"), *folder.glob("*/*.t*gz")]:
                archive.unlink()  # unpacked above, and as large again

    def read(self, root: Path) -> RawData:
        """All published splits; raises DataError naming a damaged table or photograph."""
        base = self._base(root)
        classes: tuple[str, ...] = ()
        splits: dict[str, RawSplit] = {}
        for split, table in self.tables.items():
            with reading(base / table):
                dataset = self._open(base.parent, split)
            classes = classes or tuple(dataset.classes)
            paths = [Path(path) for path in getattr(dataset, self.listing)]
            splits[split] = file_split(paths, dataset._labels, len(classes), base / table)
        return RawData(classes, splits)

    @abstractmethod
    def _open(self, root: Path, split: str, download: bool = False) -> Any: ...

    def _checksums(self, base: Path) -> tuple[str, ...]:
        """Files below `base` whose checksums torchvision publishes; those of archives are of no use here."""
        return ()

    def _mismatches(self, base: Path) -> list[str]:
        return []

    def _needed(self) -> tuple[str, ...]:
        """Every file below `home` besides the photographs, once."""
        return tuple(dict.fromkeys((*self.others, *self.tables.values())))

    def _base(self, root: Path) -> Path:
        return root if root.name == self.home and not (root / self.home).is_dir() else root / self.home


class Flowers102(_Photographs):
    """Oxford 102 Flowers: flowers-102/jpg, imagelabels.mat and setid.mat."""

    home = "flowers-102"
    photographs = "jpg"
    tables: ClassVar[dict[str, str]] = dict.fromkeys(("train", "val", "test"), "setid.mat")
    others = ("imagelabels.mat",)

    def _open(self, root: Path, split: str, download: bool = False) -> Any:
        from scipy.io import loadmat
        from torchvision.datasets import Flowers102 as Library

        class Unchecked(Library):
            def _check_integrity(self) -> bool:
                return True  # a differing checksum is for the user to accept, not for torchvision to refuse

        if download:
            return Library(root, split, download=True)
        for name in ("imagelabels.mat", "setid.mat"):
            with reading(root / self.home / name):
                loadmat(root / self.home / name)
        return Unchecked(root, split)

    def _checksums(self, base: Path) -> tuple[str, ...]:
        return ("imagelabels.mat", "setid.mat")

    def _mismatches(self, base: Path) -> list[str]:
        from torchvision.datasets import Flowers102 as Library

        md5 = dict(Library._file_dict.values())
        return differing({base / name: md5[name] for name in self._checksums(base)})


class Aircraft(_Photographs):
    """FGVC-Aircraft, variants as classes: fgvc-aircraft-2013b/data with images/ and the lists beside it."""

    home = "fgvc-aircraft-2013b"
    photographs = "data/images"
    tables: ClassVar[dict[str, str]] = {s: f"data/images_variant_{s}.txt" for s in ("train", "val", "test")}
    others = ("data/variants.txt",)

    def _open(self, root: Path, split: str, download: bool = False) -> Any:
        from torchvision.datasets import FGVCAircraft

        return FGVCAircraft(root, split, download=download)


class Pets(_Photographs):
    """Oxford-IIIT Pets: oxford-iiit-pet/images and annotations/; the published trainval is our train."""

    home = "oxford-iiit-pet"
    photographs = "images"
    tables: ClassVar[dict[str, str]] = {"train": "annotations/trainval.txt", "test": "annotations/test.txt"}
    listing = "_images"

    def _open(self, root: Path, split: str, download: bool = False) -> Any:
        from torchvision.datasets import OxfordIIITPet

        return OxfordIIITPet(root, "trainval" if split == "train" else split, download=download)
