"""Street View House Numbers, cropped digits: two MATLAB files, read by torchvision."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from unbench.config.cards import DatasetCard
from unbench.data.sources.base import Files, RawData
from unbench.data.sources.common import array_split, first, missing, reading
from unbench.data.sources.download import differing, staged

_FILES = {"train": "train_32x32.mat", "test": "test_32x32.mat"}


class Svhn:
    """99,289 colour images of 32x32 pixels (the "extra" images are not used).

    train_32x32.mat and test_32x32.mat are looked for in svhn, SVHN, and the data root itself.
    """

    def __init__(self, card: DatasetCard) -> None:
        self.card = card

    def find(self, root: Path) -> Files:
        """The two files; raises DataMissingError naming those absent."""
        folders = [root / "svhn", root / "SVHN", root]
        folder = first(folders, lambda f: any((f / name).is_file() for name in _FILES.values())) or folders[0]
        absent = [name for name in _FILES.values() if not (folder / name).is_file()]
        if absent:
            raise missing(self.card, root, f"{' and '.join(absent)} in {folder}")
        return Files(tuple(folder / name for name in _FILES.values()), True, lambda: _mismatches(folder))

    def fetch(self, root: Path) -> None:
        """Download into svhn with torchvision, which checks each file's MD5."""
        from torchvision.datasets import SVHN

        by_hand = f"put {' and '.join(_FILES.values())} from {self.card.homepage} in {root / 'svhn'}"
        with staged(self.card, root, by_hand) as folder:
            for split in _FILES:
                SVHN(folder / "svhn", split, download=True)

    def read(self, root: Path) -> RawData:
        """Train and test; raises DataError naming a damaged file."""
        source = _unchecked()
        splits = {}
        for split, path in zip(_FILES, self.find(root).paths, strict=True):
            with reading(path):
                dataset = source(path.parent, split)
            splits[split] = array_split(dataset.data.transpose(0, 2, 3, 1), dataset.labels, 10, path)
        return RawData(tuple("0123456789"), splits)


def _unchecked() -> Any:
    """torchvision's class without its refusal of a differing checksum, which is for the user to accept."""
    from torchvision.datasets import SVHN

    class Unchecked(SVHN):
        def _check_integrity(self) -> bool:
            return True

    return Unchecked


def _mismatches(folder: Path) -> list[str]:
    from torchvision.datasets import SVHN

    return differing({folder / SVHN.split_list[split][1]: SVHN.split_list[split][2] for split in _FILES})
