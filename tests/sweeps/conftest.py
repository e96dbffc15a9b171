"""Fixtures of the tests of sweeps."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from sweeping import SMALL, inline

import unbench

__all__ = ["inline"]


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `unbench.run` makes of two methods; not to be written to."""
    folder = tmp_path_factory.mktemp("plain")
    for method in ("none", "ft"):
        assert unbench.run(method, results=folder, device="cpu", **SMALL)["status"] == "ok"
    return folder


@pytest.fixture
def done(plain: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(plain, tmp_path / "done"))
