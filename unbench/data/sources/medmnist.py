"""MedMNIST: one .npz file per data set, read and fetched by the medmnist library."""

from pathlib import Path
from typing import Any

from unbench.config.cards import DatasetCard
from unbench.data.sources.base import RawData, array_split, reading
from unbench.data.sources.published import NamedFiles
from unbench.errors import CardError, DataError, UnknownNameError

_SIZES = (28, 64, 128, 224)


class MedMnist(NamedFiles):
    """A 2D MedMNIST data set with one label per image, in the published train, val and test splits.

    Source options: flag (the library's name of it, by default the card's) and size (28, 64, 128 or 224). The file is
    <flag>.npz, or <flag>_<size>.npz above 28. The library is imported only to fetch, read or check it, because that
    takes seconds.
    """

    places = ("medmnist", ".")

    def __init__(self, card: DatasetCard) -> None:
        super().__init__(card)
        self.flag = self.option("flag", card.name)
        self.size = self.option("size", 28)
        if self.size not in _SIZES:
            raise CardError(f"data set '{card.name}': source option 'size' must be one of {_SIZES}")
        self.suffix = "" if self.size == 28 else f"_{self.size}"
        self.files = (f"{self.flag}{self.suffix}.npz",)

    def checksums(self, paths: tuple[Path, ...]) -> dict[Path, str]:
        """Return the MD5 that the library publishes."""
        return {paths[0]: self._info()[f"MD5{self.suffix}"]}

    def address(self) -> str:
        """Return the file's URL."""
        return str(self._info()[f"url{self.suffix}"])

    def download(self, folder: Path) -> None:
        """Download with the library, which checks the MD5."""
        (folder / self.places[0]).mkdir()
        self._open("train", folder / self.places[0], download=True)

    def read(self, root: Path) -> RawData:
        """Return the three splits; raise DataError naming the file if it is damaged."""
        path = self.find(root).paths[0]
        names = tuple(self._info()["label"].values())
        splits = {}
        for split in ("train", "val", "test"):
            with reading(path):
                part = self._open(split, path.parent)
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

    def _open(self, split: str, folder: Path, download: bool = False) -> Any:
        import medmnist

        library = getattr(medmnist, self._info()["python_class"])
        return library(split, root=folder, size=self.size, download=download)
