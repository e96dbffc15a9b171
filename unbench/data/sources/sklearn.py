"""scikit-learn's handwritten digits: real images inside an installed package, so nothing to download."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from unbench.data.sources.base import Files, ImageSource, RawData
from unbench.data.sources.common import array_split, first, reading

TEST_SIZE = 450


class Digits(ImageSource):
    """1,797 images of 8x8 pixels in 17 shades of grey, from the file that scikit-learn ships.

    No split is published, so a fixed one is drawn: 450 test images, stratified by class; the rest is train.
    """

    def find(self, root: Path) -> Files:
        """Return scikit-learn's data file, wherever that is installed; `root` plays no part.

        Raises:
            DataMissingError: the installed package lacks the file.
        """
        # The spec's folder, and not importlib.resources, which would import scikit-learn only to find a path.
        spec = find_spec("sklearn")
        folders = (spec.submodule_search_locations if spec else None) or ()
        path = first((Path(folder, "datasets", "data", "digits.csv.gz") for folder in folders), Path.is_file)
        if path is None:
            what = "the file datasets/data/digits.csv.gz inside the package scikit-learn"
            raise self.missing(root, what, "reinstall scikit-learn")
        return Files((path,))

    def read(self, root: Path) -> RawData:
        """Return train and test; raise DataError if the package's file is damaged."""
        from sklearn.datasets import load_digits
        from sklearn.model_selection import train_test_split

        path = self.find(root).paths[0]
        with reading(path):
            digits = load_digits()
        pixels = np.rint(digits.images * (255 / 16)).astype(np.uint8)
        rows = np.arange(len(pixels))
        parts = train_test_split(rows, test_size=TEST_SIZE, stratify=digits.target, random_state=0)
        splits = {}
        for name, part in zip(("train", "test"), map(np.sort, parts), strict=True):
            splits[name] = array_split(pixels[part], digits.target[part], 10, path)
        return RawData(tuple(map(str, digits.target_names)), splits)
