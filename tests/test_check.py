"""`unbench check` finds what is wrong with a contributor's card."""

from __future__ import annotations

from pathlib import Path

import pytest

from unbench.cli.check import check_dataset, check_method
from unbench.config import registry
from unbench.errors import UnknownNameError

REPO = Path(__file__).resolve().parents[1]
MODULE = """
import random
import torch
from unbench.methods.base import Method

class Base(Method):
    def unlearn(self, model, access):
        return self.spoil(model, access)

class Greedy(Base):
    def spoil(self, model, access):
        return access.forget and model

class Moody(Base):
    def spoil(self, model, access):
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(random.random())
        return model
"""


@pytest.fixture
def contribute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of cards of one's own, with code beside it."""
    (tmp_path / "methods").mkdir()
    (tmp_path / "datasets").mkdir()
    (tmp_path / "contributed.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("UNBENCH_CARDS", str(tmp_path))
    return tmp_path


def add_method(folder: Path, name: str, attribute: str) -> None:
    card = (REPO / "methods" / "none.toml").read_text().replace('name = "none"', f'name = "{name}"')
    card = card.replace("unbench.methods.none:DoNothing", f"contributed:{attribute}")
    (folder / "methods" / f"{name}.toml").write_text(card)


@pytest.mark.parametrize(
    ("attribute", "said"), [("Greedy", "does not declare"), ("Moody", "differ in their outputs"), ("Gone", "cannot be")]
)
def test_a_bad_method_fails_its_check_with_the_reason(contribute: Path, attribute: str, said: str) -> None:
    add_method(contribute, attribute.lower(), attribute)
    failed = [result for result in check_method(attribute.lower()) if result.outcome == "FAILED"]
    assert any(said in result.detail for result in failed)


def test_a_bad_preset_fails_its_check(contribute: Path) -> None:
    card = (REPO / "datasets" / "synthetic.toml").read_text().replace('name = "synthetic"', 'name = "mine"')
    (contribute / "datasets" / "mine.toml").write_text(card.replace("patch = 4", "patch = 3", 1))
    results = list(check_dataset("mine"))
    assert [r.outcome for r in results] == ["FAILED", "passed", "passed", "passed"]
    assert "must divide" in results[0].detail


@pytest.mark.parametrize("name", registry.datasets())
def test_every_dataset_card_passes_or_says_what_files_it_lacks(name: str, tmp_path: Path) -> None:
    results = list(check_dataset(name, tmp_path))
    assert [str(r) for r in results if r.outcome == "FAILED"] == []
    for result in results:
        if result.outcome == "skipped":
            assert str(tmp_path) in result.detail


def test_unknown_names_are_refused() -> None:
    with pytest.raises(UnknownNameError):
        list(check_method("fft"))
    with pytest.raises(UnknownNameError):
        list(check_dataset("digit"))
