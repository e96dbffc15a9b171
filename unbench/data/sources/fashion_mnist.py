"""Fashion-MNIST: four IDX files, packed or not, in torchvision's layout or flat as in Debian's package."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from unbench.data.images import Bytes
from unbench.data.sources.base import RawData
from unbench.data.sources.common import array_split, reading
from unbench.data.sources.download import unpacked
from unbench.data.sources.published import NamedFiles

CONTENT_MD5 = {
    "train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
    "train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
    "t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
    "t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
}
"""What is inside the four .gz files whose MD5 is published: theirs changes when a distribution packs them again."""


class FashionMnist(NamedFiles):
    """70,000 grey images of 28x28 pixels in four IDX files, each .gz or unpacked."""

    files = tuple(f"{name}.gz" for name in CONTENT_MD5)
    places = ("FashionMNIST/raw", "fashion_mnist", "fashion-mnist", ".")

    def checksums(self, paths: tuple[Path, ...]) -> dict[Path, str]:
        """Return the MD5 of each file's content."""
        return dict(zip(paths, CONTENT_MD5.values(), strict=True))

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
            splits[split] = array_split(_parse(images), _parse(labels), count, labels)
        return RawData(tuple(FashionMNIST.classes), splits)


def _parse(path: Path) -> Bytes:
    """Read an IDX file of bytes: two zeros, a type (8), the number of dimensions, each as a 32-bit number, the data."""
    with reading(path), unpacked(path) as file:
        content = file.read()
        kind, dimensions = struct.unpack_from(">HBB", content)[1:]
        if kind != 8:
            raise ValueError(f"its values have the IDX type {kind}, not 8 (unsigned bytes)")
        start = 4 + 4 * dimensions
        return np.frombuffer(content, np.uint8, offset=start).reshape(struct.unpack_from(f">{dimensions}I", content, 4))
