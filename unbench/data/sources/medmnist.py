"""MedMNIST: one .npz file per data set, read and fetched by the medmnist library."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from unbench.config.cards import DatasetCard
from unbench.data.sources.base import Files, RawData
from unbench.data.sources.common import array_split, first, missing, option, reading
from unbench.data.sources.download import differing, staged
from unbench.errors import CardError, DataError, UnknownNameError

_SIZES = (28, 64, 128, 224)
_SPLITS = ("train", "val", "test")


class MedMnist:
    """A 2D MedMNIST data set with one label per image, in the published train, val and test splits.

    Source options: flag (the library's name of it, by default the card's) and size (28, 64, 128 or 224).
    <flag>.npz, or <flag>_<size>.npz above 28, is looked for in medmnist and the data root itself. The library
    is imported only to fetch, read or check a file, because that takes seconds.
    """

    def __init__(self, card: DatasetCard) -> None:
        self.card = card
        self.flag = option(card, "flag", card.name)
        self.size = option(card, "size", 28)
        if self.size not in _SIZES:
            raise CardError(f"data set '{card.name}': source option 'size' must be one of {_SIZES}")
        self.suffix = "" if self.size == 28 else f"_{self.size}"
        self.file = f"{self.flag}{self.suffix}.npz"

    def find(self, root: Path) -> Files:
        """The file; raises DataMissingError if it is absent."""
        path = first([root / "medmnist" / self.file, root / self.file], Path.is_file)
        if path is None:
            raise missing(self.card, root, f"{self.file} there or in {root / 'medmnist'}")
        return Files((path,), True, lambda: differing({path: self._info()[f"MD5{self.suffix}"]}))

    def fetch(self, root: Path) -> None:
        """Download into medmnist with the library, which checks the MD5."""
        info = self._info()
        by_hand = f"put {self.file} from {info[f'url{self.suffix}']} in {root / 'medmnist'}"
        with staged(self.card, root, by_hand) as folder:
            (folder / "medmnist").mkdir()
            self._class()("train", root=folder / "medmnist", size=self.size, download=True)

    def read(self, root: Path) -> RawData:
        """The three splits; raises DataError naming the file if it is damaged."""
        path = self.find(root).paths[0]
        names = tuple(self._info()["label"].values())
        splits = {}
        for split in _SPLITS:
            with reading(path):
                part = self._class()(split, root=path.parent, size=self.size)
            if part.labels.ndim != 2 or part.labels.shape[1] != 1:
                raise DataError(f"{path} has several labels per image; unbench needs one")
            # Not through len(part), which insists on the published number of images.
            splits[split] = array_split(part.imgs, part.labels[:, 0], len(names), path)
        return RawData(names, splits)

    def _info(self) -> dict[str, Any]:
        from medmnist import INFO

        if self.flag not in INFO:
            raise CardError(f"data set '{self.card.name}': {UnknownNameError('MedMNIST flag', self.flag, INFO)}")
        info: dict[str, Any] = INFO[self.flag]
        return info

    def _class(self) -> Any:
        import medmnist

        return getattr(medmnist, self._info()["python_class"])
