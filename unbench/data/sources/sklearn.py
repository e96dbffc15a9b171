"""scikit-learn's handwritten digits: real images inside an installed package, so nothing to download."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from unbench.config.cards import DatasetCard
from unbench.data.sources.base import Files, RawData
from unbench.data.sources.common import array_split, missing, reading

TEST_SIZE = 450


class Digits:
    """1,797 images of 8x8 pixels in 17 shades of grey, from the file that scikit-learn ships.

    No split is published, so a fixed one is drawn: 450 test images, stratified by class; the rest is train.
    """

    def __init__(self, card: DatasetCard) -> None:
        self.card = card

    def find(self, root: Path) -> Files:
        """scikit-learn's data file, wherever that is installed; `root` plays no part."""
        return Files((self._file(root),))

    def fetch(self, root: Path) -> None:
        """Nothing to download: raises DataMissingError if the installed package lacks the file."""
        self._file(root)

    def read(self, root: Path) -> RawData:
        """Train and test; raises DataError if the package's file is damaged."""
        from sklearn.datasets import load_digits
        from sklearn.model_selection import train_test_split

        path = self._file(root)
        with reading(path):
            digits = load_digits()
        pixels = np.rint(digits.images * (255 / 16)).astype(np.uint8)
        rows = np.arange(len(pixels))
        parts = train_test_split(rows, test_size=TEST_SIZE, stratify=digits.target, random_state=0)
        splits = {}
        for name, part in zip(("train", "test"), map(np.sort, parts), strict=True):
            splits[name] = array_split(pixels[part], digits.target[part], 10, path)
        return RawData(tuple(map(str, digits.target_names)), splits)

    def _file(self, root: Path) -> Path:
        # The spec's folder, and not importlib.resources, which would import scikit-learn only to find a path.
        spec = find_spec("sklearn")
        for folder in (spec.submodule_search_locations if spec else None) or ():
            path = Path(folder, "datasets", "data", "digits.csv.gz")
            if path.is_file():
                return path
        what = "the file datasets/data/digits.csv.gz inside the package scikit-learn"
        raise missing(self.card, root, what, "reinstall scikit-learn")
