"""Sources without files of their own: scikit-learn's digits, and made-up images for tests."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from unbench.config.cards import DatasetCard
from unbench.data.sources.base import Files, ImageSource, RawData, array_split, reading
from unbench.errors import CardError

TEST_SIZE = 450
CONTRAST = 16.0
NOISE = 60.0


class Digits(ImageSource):
    """1,797 real images of 8x8 pixels in 17 shades of grey, from the file that scikit-learn ships.

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
        paths = [Path(folder, "datasets", "data", "digits.csv.gz") for folder in folders]
        found = next(filter(Path.is_file, paths), None)
        if found is None:
            what = "the file datasets/data/digits.csv.gz inside the package scikit-learn"
            raise self.missing(root, what, "reinstall scikit-learn")
        return Files((found,))

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


class Synthetic(ImageSource):
    """Images of one smooth random pattern per class, noisy enough that a model also memorises its training images.

    Source options: classes, train, test, size (a multiple of 4), seed. Equal options give equal bytes.
    """

    def __init__(self, card: DatasetCard) -> None:
        super().__init__(card)
        self.classes = self.option("classes", 4)
        self.counts = {"train": self.option("train", 160), "test": self.option("test", 80)}
        self.size = self.option("size", 8)
        self.seed = self.option("seed", 0)
        if min(self.classes, *self.counts.values()) < 1 or self.size < 4 or self.size % 4 or self.seed < 0:
            raise CardError(f"data set '{card.name}': its source options describe no images")

    def find(self, root: Path) -> Files:
        """Return no files: there are none."""
        return Files(())

    def read(self, root: Path) -> RawData:
        """Generate train and test."""
        rng = np.random.default_rng(self.seed)
        coarse = rng.standard_normal((self.classes, 4, 4, self.card.channels))
        patterns = coarse.repeat(self.size // 4, axis=1).repeat(self.size // 4, axis=2)
        splits = {}
        for name, count in self.counts.items():
            labels = rng.permutation(np.arange(count) % self.classes)
            noise = rng.standard_normal((count, *patterns.shape[1:]))
            pixels = np.clip(128 + CONTRAST * patterns[labels] + NOISE * noise, 0, 255).astype(np.uint8)
            shaped = pixels[..., 0] if self.card.channels == 1 else pixels
            splits[name] = array_split(shaped, labels, self.classes, Path("synthetic"))
        return RawData(tuple(f"pattern {k}" for k in range(self.classes)), splits)
