"""Fixtures that several test files share."""

from __future__ import annotations

import gc
import os

# Models in tests are tiny: threads cost them more than they give, and much more on a busy machine.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Iterator
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("UNBENCH_TEST_DATA", REPO.parent / "shared" / "data"))


def pytest_collection_finish() -> None:
    """Keep what was imported out of garbage collections: every run asks for some, which would take half of its time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Decoded images go to a folder of the test session; the user's settings play no part."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.delenv("UNBENCH_DATA", raising=False)
        patch.delenv("UNBENCH_CARDS", raising=False)
        patch.delenv("UNBENCH_PLUGINS", raising=False)
        yield


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real images that developers have; tests skip where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("no folder of real images: set UNBENCH_TEST_DATA to one with cifar10/, CUB_200_2011/ and medmnist/")
    return SHARED


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One results folder for the whole session, so that what is trained once is shared."""
    return tmp_path_factory.mktemp("results")
