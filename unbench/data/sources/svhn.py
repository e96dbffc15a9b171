"""Street View House Numbers, cropped digits: two MATLAB files, read by torchvision."""

from __future__ import annotations

from pathlib import Path

from unbench.data.sources.base import RawData
from unbench.data.sources.common import array_split, reading
from unbench.data.sources.published import NamedFiles
from unbench.data.sources.torchvision import unchecked

_SPLITS = ("train", "test")


class Svhn(NamedFiles):
    """99,289 colour images of 32x32 pixels in two files (the "extra" images are not used)."""

    files = ("train_32x32.mat", "test_32x32.mat")
    places = ("svhn", "SVHN", ".")

    def checksums(self, paths: tuple[Path, ...]) -> dict[Path, str]:
        """Return the MD5 that torchvision publishes of each file."""
        from torchvision.datasets import SVHN

        return {path: SVHN.split_list[split][2] for split, path in zip(_SPLITS, paths, strict=True)}

    def download(self, folder: Path) -> None:
        """Download with torchvision, which checks each file's MD5."""
        from torchvision.datasets import SVHN

        for split in _SPLITS:
            SVHN(folder / self.places[0], split, download=True)

    def read(self, root: Path) -> RawData:
        """Return train and test; raise DataError naming a damaged file."""
        splits = {}
        for split, path in zip(_SPLITS, self.find(root).paths, strict=True):
            with reading(path):
                dataset = unchecked("SVHN")(path.parent, split)
            splits[split] = array_split(dataset.data.transpose(0, 2, 3, 1), dataset.labels, 10, path)
        return RawData(tuple("0123456789"), splits)
