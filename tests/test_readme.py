"""The README tells the truth."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import unbench
from unbench import registry
from unbench.runner import run as run_function

REPO = Path(__file__).resolve().parents[1]
README = (REPO / "README.md").read_text("utf-8")


def test_it_is_short_and_holds_the_two_commands() -> None:
    assert len(README.splitlines()) <= 250
    assert "\npip install -e . && unbench run\n" in README
    assert '\npip install -e ".[test]" && pytest\n' in README


def test_its_table_and_picture_are_those_of_the_reference_report() -> None:
    report = REPO / "reports" / "reference"
    board = (report / "leaderboard.md").read_text("utf-8").splitlines()
    quoted = [line for line in README.splitlines() if line.startswith("|") and "±" in line]
    assert len(quoted) >= 7
    assert set(quoted) <= set(board), "run unbench report on results/reference and copy the rows"
    for picture in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README):
        assert (REPO / picture).is_file()


def test_its_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        if "://" not in target:
            assert (REPO / target).exists(), target


@pytest.mark.parametrize("name", [*registry.methods(), *(n for n in registry.datasets() if n != "synthetic")])
def test_everything_registered_is_mentioned(name: str) -> None:
    assert re.search(rf"\b{name}\b", README)


def test_the_python_functions_exist_and_run_is_a_function_whatever_was_imported_first() -> None:
    assert unbench.run is run_function
    assert all(callable(getattr(unbench, name)) for name in unbench.__all__)
    with pytest.raises(AttributeError):
        _ = unbench.nothing


def test_the_reference_results_are_read_and_are_all_ok() -> None:
    frame = unbench.load_results(REPO / "results" / "reference")
    assert set(frame["method"]) == set(registry.methods())
    assert (frame["status"] == "ok").all()
    assert (frame["avg_gap"] >= 0).all()
    assert (frame.loc[frame["method"] == "retrain", "avg_gap"] == 0).all()
