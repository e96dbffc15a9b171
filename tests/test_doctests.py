"""The examples in docstrings are run, and give what they show."""

from __future__ import annotations

import doctest
import importlib
import re
from pathlib import Path

import pytest

import unbench
from unbench.errors import UnbenchError

ROOT = Path(unbench.__file__).parent
FILES = sorted(path for path in ROOT.rglob("*.py") if ">>>" in path.read_text("utf-8"))
WITH_EXAMPLES = {".".join(("unbench", *path.relative_to(ROOT).with_suffix("").parts)): path for path in FILES}


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_of(name: str) -> None:
    try:
        module = importlib.import_module(name)
    except (ImportError, UnbenchError) as error:
        pytest.skip(f"{name} needs an extra: {error}")
    outcome = doctest.testmod(module)
    assert outcome.failed == 0
    written = len(re.findall(r"^\s*>>> ", WITH_EXAMPLES[name].read_text("utf-8"), re.MULTILINE))
    assert outcome.attempted == written, "an example that is never run shows nothing"


def test_there_are_examples() -> None:
    assert len(WITH_EXAMPLES) >= 15
