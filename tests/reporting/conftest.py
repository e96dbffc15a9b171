"""Fixtures of the tests of single parts of the report."""

from __future__ import annotations

from pathlib import Path

import pytest

from unbench.store.results import Store

TOY = """
name = "toy"
version = 3
title = "A method with every kind of hyper-parameter"
family = "by-design"
code = "unbench.methods.ga:GradientAscent"
claim = "None."

[source]
citation = "None."

[hparams.rule]
default = "mean"
why = "a name"

[hparams.k]
default = 4
why = "a number"

[hparams.rate]
default = 0.1
with_stem = 0.5
why = "depends on the stem"
"""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results")


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a method whose card, version 3, no change of the shipped cards can move."""
    folder = tmp_path / "cards" / "methods"
    folder.mkdir(parents=True)
    (folder / "toy.toml").write_text(TOY, "utf-8")
    monkeypatch.setenv("UNBENCH_CARDS", str(tmp_path / "cards"))
    return "toy"
