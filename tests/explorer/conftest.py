"""The page, and a browser to open it in."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from explorer_pages import REFERENCE, page_of

from unbench.store.results import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    filled = Store(tmp_path / "results")
    filled.folder.mkdir()
    return filled


@pytest.fixture(scope="session")
def reference_page() -> str:
    """The explorer of the reference results; digits, which scikit-learn has, with its images."""
    return page_of(REFERENCE)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Headless Chromium that notes what its pages ask of the network and print on their consoles."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    binary = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if binary is None or driver is None:
        pytest.skip("no chromium with a chromedriver is installed")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1280,900"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    opened = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield opened
    opened.quit()
