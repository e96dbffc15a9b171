"""Fixtures of the tests of sources; `shared_data` is one level up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from unbench.config import registry
from unbench.data import sources
from unbench.data.sources.base import ImageSource, RawData


@pytest.fixture
def source() -> Callable[[str], ImageSource]:
    """The source of a card, by the card's name."""
    return lambda name: sources.create(registry.dataset(name))


@pytest.fixture
def consume() -> Callable[..., RawData]:
    """Read a data root to the last image and check what every source promises."""

    def consume(source: ImageSource, root: Path) -> RawData:
        assert all(path.is_file() for path in source.find(root).paths)
        raw = source.read(root)
        assert {"train", "test"} <= raw.splits.keys() <= {"train", "val", "test"}
        assert len(set(raw.classes)) == len(raw.classes)
        for split in raw.splits.values():
            assert split.labels.dtype == np.int64
            assert split.labels.min() >= 0 and split.labels.max() < len(raw.classes)
            for _ in range(2):  # an iterable, which may be asked for again
                assert sum(image.mode in ("L", "RGB") for image in split.images()) == len(split.labels)
        return raw

    return consume
