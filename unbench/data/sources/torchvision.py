"""Data sets that torchvision downloads: a few files of small images, or photographs with tables of labels."""

import struct
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from unbench.data.images import Bytes
from unbench.data.sources.base import RawData, RawSplit, array_split, file_split, reading
from unbench.data.sources.published import NamedFiles, Photographs, unpacked


class FashionMnist(NamedFiles):
    """Fashion-MNIST: 70,000 grey images of 28x28 pixels in four IDX files, each .gz or unpacked.

    They may be in torchvision's layout, or flat as in Debian's package. Checksums are of what is inside the .gz files:
    the published ones of the files themselves change when a distribution packs them again.
    """

    md5: ClassVar = {
        "train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
        "t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
        "t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
    }
    files = tuple(f"{name}.gz" for name in md5)
    places = ("FashionMNIST/raw", "fashion_mnist", "fashion-mnist", ".")

    def download(self, folder: Path) -> None:
        """Download with torchvision, which checks each file's MD5."""
        from torchvision.datasets import FashionMNIST

        FashionMNIST(folder, download=True)

    def read(self, root: Path) -> RawData:
        """Return train and test; raise DataError naming a damaged file."""
        from torchvision.datasets import FashionMNIST

        paths, count = self.find(root).paths, len(FashionMNIST.classes)
        splits = {}
        for split, (images, labels) in {"train": paths[:2], "test": paths[2:]}.items():
            splits[split] = array_split(read_idx(images), read_idx(labels), count, labels)
        return RawData(tuple(FashionMNIST.classes), splits)


def read_idx(path: Path) -> Bytes:
    """Read an IDX file of bytes: two zeros, a type (8), the number of dimensions, each as a 32-bit number, the data."""
    with reading(path), unpacked(path) as file:
        content = file.read()
        kind, dimensions = struct.unpack_from(">HBB", content)[1:]
        if kind != 8:
            raise ValueError(f"its values have the IDX type {kind}, not 8 (unsigned bytes)")
        start = 4 + 4 * dimensions
        return np.frombuffer(content, np.uint8, offset=start).reshape(struct.unpack_from(f">{dimensions}I", content, 4))


class Svhn(NamedFiles):
    """Street View House Numbers: 99,289 colour images of 32x32 pixels in two files ("extra" images are not used)."""

    md5: ClassVar = {
        "train_32x32.mat": "e26dedcc434d2e4c54c9b2d4a06d8373",
        "test_32x32.mat": "eb5a983be6a315427106f1b164d9cef3",
    }
    files = tuple(md5)
    places = ("svhn", "SVHN", ".")

    def download(self, folder: Path) -> None:
        """Download with torchvision, which checks each file's MD5."""
        from torchvision.datasets import SVHN

        for split in ("train", "test"):
            SVHN(folder / self.places[0], split, download=True)

    def read(self, root: Path) -> RawData:
        """Return train and test; raise DataError naming a damaged file."""
        splits = {}
        for split, path in zip(("train", "test"), self.find(root).paths, strict=True):
            with reading(path):
                dataset = unchecked("SVHN")(path.parent, split)
            splits[split] = array_split(dataset.data.transpose(0, 2, 3, 1), dataset.labels, 10, path)
        return RawData(tuple("0123456789"), splits)


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
    md5: ClassVar = {
        "imagelabels.mat": "e0620be6f572b9609742df49c70aed4d",
        "setid.mat": "a5357ecc9cb78c4bef273ce3793fc85c",
    }
    tables = tuple(md5)
    splits: ClassVar = dict.fromkeys(("train", "val", "test"), "setid.mat")

    def read(self, root: Path) -> RawData:
        """Return all published splits, after a check of each .mat file: torchvision's errors do not name them."""
        from scipy.io import loadmat

        for path in (self.base(root) / name for name in self.tables):
            with reading(path):
                loadmat(path)
        return super().read(root)


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
