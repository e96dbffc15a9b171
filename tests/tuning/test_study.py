"""A search that can be interrupted: what comes next follows from the trials that are stored."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from unbench.config.cards import Hyperparameter, Value
from unbench.experiment.tuning.study import Study, study_name

MEANING = {"method": ["m"], "dataset": ["d"], "scenario": "random10"}
SPACE = {
    "lr": Hyperparameter(default=0.5, why="w", low=0.0, high=10.0, log=True, search=(1e-4, 1.0)),
    "epochs": Hyperparameter(default=9, why="w", low=1, high=100, search=(1, 10)),
    "rule": Hyperparameter(default="a", why="w", choices=("a", "b", "c"), search=("a", "b")),
}
DEFAULTS: dict[str, Value] = {"lr": 0.5, "epochs": 9, "rule": "a"}


def open_study(folder: Path, meaning: dict[str, Any]) -> Study:
    return Study(folder / f"{study_name(meaning)}.log")


def score(values: dict[str, Value]) -> float:
    far = abs(math.log10(float(values["lr"])) + 2.5)
    return far + abs(int(values["epochs"]) - 3) / 5 + (values["rule"] == "a")


def go_on(study: Study, trials: int) -> list[dict[str, Value]]:
    tried = []
    while len(study) < trials:
        values = study.suggest(SPACE, DEFAULTS)
        study.record(SPACE, values, score(values), f"key{len(study)}")
        tried.append(values)
    return tried


def test_the_first_trial_is_the_default_and_the_rest_lie_in_the_space(tmp_path: Path) -> None:
    study = open_study(tmp_path, MEANING)
    tried = go_on(study, 12)
    assert tried[0] == DEFAULTS
    for values in tried:
        assert 1e-4 <= float(values["lr"]) <= 1.0
        assert values["epochs"] in range(1, 11)
        assert values["rule"] in ("a", "b")
        assert float(f"{values['lr']:.3g}") == values["lr"]
    assert study.first.values == DEFAULTS
    ranked = study.ranked()
    assert ranked[0].score == min(map(score, tried)) < score(DEFAULTS)
    assert [trial.score for trial in ranked] == sorted(trial.score for trial in ranked)
    assert len({str(sorted(trial.values.items())) for trial in ranked}) == len(ranked), "each once"


def test_an_interrupted_search_gives_what_it_would_have_given(tmp_path: Path) -> None:
    whole = go_on(open_study(tmp_path / "whole", MEANING), 14)
    parts = go_on(open_study(tmp_path / "parts", MEANING), 5)
    begun = open_study(tmp_path / "parts", MEANING)
    begun.suggest(SPACE, DEFAULTS)  # begun, and never finished
    parts += go_on(open_study(tmp_path / "parts", MEANING), 11)
    parts += go_on(open_study(tmp_path / "parts", MEANING), 14)
    assert parts == whole


def test_another_meaning_is_another_study(tmp_path: Path) -> None:
    go_on(open_study(tmp_path, MEANING), 3)
    assert len(open_study(tmp_path, MEANING)) == 3
    assert len(open_study(tmp_path, {**MEANING, "rule": "another"})) == 0


@pytest.mark.parametrize("bad", [(1.0, 0.1), (0.1,), (1e-3, 0.1), (1e-4, 11.0)])
def test_a_search_that_makes_no_sense_is_a_fault_of_the_card(bad: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match=r"search|must lie in"):
        Hyperparameter(default=0.5, why="w", low=0.0, high=10.0, search=bad)


def test_choices_to_search_hold_the_default() -> None:
    with pytest.raises(ValueError, match="search"):
        Hyperparameter(default="a", why="w", choices=("a", "b", "c"), search=("b", "c"))
