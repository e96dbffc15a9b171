"""Made-up images for tests: learnable, but noisy enough that a model also memorises its training images."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from unbench.config.cards import DatasetCard
from unbench.data.sources.base import Files, ImageSource, RawData
from unbench.data.sources.common import array_split
from unbench.errors import CardError

CONTRAST = 16.0
NOISE = 60.0


class Synthetic(ImageSource):
    """Images of one smooth random pattern per class, each with strong noise of its own.

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
