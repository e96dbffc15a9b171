"""Fixtures of the tests of methods."""

from __future__ import annotations

import pytest

from unbench.config import registry
from unbench.data import Dataset, load_dataset


@pytest.fixture(scope="session")
def data() -> Dataset:
    """The synthetic data set."""
    card = registry.dataset("synthetic")
    return load_dataset(card, card.presets["smoke"])
