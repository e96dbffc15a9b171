"""Fashion-MNIST: four IDX files, packed or not, in torchvision's layout or flat as in Debian's package."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from unbench.config.cards import DatasetCard
from unbench.data.images import Bytes
from unbench.data.sources.base import Files, RawData, RawSplit
from unbench.data.sources.common import array_split, missing, reading
from unbench.data.sources.download import differing, staged

CONTENT_MD5 = {
    "train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
    "train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
    "t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
    "t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
}
"""What is inside the four .gz files whose MD5 is published: theirs changes when a distribution packs them anew."""

_PREFIXES = {"train": "train", "test": "t10k"}


class FashionMnist:
    """70,000 grey images of 28x28 pixels, read from the four IDX files (each .gz or unpacked).

    They are looked for in FashionMNIST/raw (torchvision's layout), fashion_mnist, fashion-mnist, and the data
    root itself.
    """

    def __init__(self, card: DatasetCard) -> None:
        self.card = card

    def find(self, root: Path) -> Files:
        """The four files of the most complete folder; raises DataMissingError naming those absent."""
        folders = [root / "FashionMNIST" / "raw", root / "fashion_mnist", root / "fashion-mnist", root]
        found = max((_present(folder) for folder in folders), key=len)
        absent = [f"{name}.gz" for name in CONTENT_MD5 if name not in found]
        if absent:
            folder = next(iter(found.values())).parent if found else folders[0]
            raise missing(self.card, root, f"{', '.join(absent)} in {folder}")
        published = {path: CONTENT_MD5[name] for name, path in found.items()}
        return Files(tuple(found.values()), True, lambda: differing(published, unpack=True))

    def fetch(self, root: Path) -> None:
        """Download into FashionMNIST/raw with torchvision, which checks each file's MD5."""
        from torchvision.datasets import FashionMNIST

        names = ", ".join(f"{name}.gz" for name in CONTENT_MD5)
        by_hand = f"put {names} from {self.card.homepage} in {root / 'FashionMNIST' / 'raw'}"
        with staged(self.card, root, by_hand) as folder:
            FashionMNIST(folder, download=True)

    def read(self, root: Path) -> RawData:
        """Train and test; raises DataError naming a damaged file."""
        from torchvision.datasets import FashionMNIST
        from torchvision.datasets.mnist import read_image_file, read_label_file

        paths = dict(zip(CONTENT_MD5, self.find(root).paths, strict=True))
        splits: dict[str, RawSplit] = {}
        for split, prefix in _PREFIXES.items():
            pixels = _parse(paths[f"{prefix}-images-idx3-ubyte"], read_image_file)
            source = paths[f"{prefix}-labels-idx1-ubyte"]
            labels = _parse(source, read_label_file)
            splits[split] = array_split(pixels, labels, len(FashionMNIST.classes), source)
        return RawData(tuple(FashionMNIST.classes), splits)


def _present(folder: Path) -> dict[str, Path]:
    """Those of the four files that `folder` has, packed ones rather than unpacked."""
    choices = {name: (folder / f"{name}.gz", folder / name) for name in CONTENT_MD5}
    return {name: path for name, pair in choices.items() for path in reversed(pair) if path.is_file()}


def _parse(path: Path, parser: Callable[[str], Any]) -> Bytes:
    """Read one IDX file with torchvision's parser, which does not unpack."""
    from torchvision.datasets.utils import extract_archive

    with reading(path), tempfile.TemporaryDirectory() as folder:
        plain = path
        if path.suffix == ".gz":
            extract_archive(str(path), folder)
            plain = Path(folder, path.stem)
        array: Bytes = parser(str(plain)).numpy()
        return array
