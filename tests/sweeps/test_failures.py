"""What goes wrong in one place of a sweep, and what is left alone."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from sweeping import Inline, call, plugin, rows_of, small, spec_of, statuses, trainings
from torch import nn

import unbench
from unbench.data.images import Images
from unbench.errors import DivergedError
from unbench.experiment.settings import Settings
from unbench.methods.base import Method
from unbench.sweeps.plan import Planner
from unbench.sweeps.work import perform

SWEEP = ("sweep", "-d", "synthetic", "--preset", "smoke", "--threads", "1", "--no-evaluate", "--device", "cpu")


def test_a_run_that_fails_is_told_left_alone_and_tried_again_when_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inline: list[Inline], capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("UNBENCH_PLUGINS", str(plugin(tmp_path, "raises", "raise ValueError('no [red]luck')")))
    asked = (*SWEEP, "-m", "raises", "-m", "none", "--results", str(tmp_path / "results"))

    assert call(monkeypatch, *asked) == 1
    said = capsys.readouterr()
    assert "raises on synthetic (random10, smoke, seed 0): failed: ValueError: no [red]luck" in said.err
    assert "1 of 2 runs failed; --retry tries them again" in said.err
    assert said.out.splitlines() == ["failed\t1", "ok\t1"]

    assert call(monkeypatch, *asked) == 1
    assert inline[0].asked == ["original", "oracle", "oracle_2", "run", "run"] and len(inline) == 1
    assert "1 of 2 runs failed" in capsys.readouterr().err
    assert call(monkeypatch, *asked, "--retry", "diverged") == 1 and len(inline) == 1

    assert call(monkeypatch, *asked, "--retry", "failed") == 1
    assert inline[1].asked == ["run"]
    rows = rows_of(tmp_path / "results")
    assert Counter(rows["method"]) == {"raises": 2, "none": 1}


def test_training_that_diverges_is_said_in_each_run_that_waited_for_it_and_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inline: list[Inline]
) -> None:
    train, trained = Method.train, list[int]()

    def diverging(self: Method, images: Images, seed: int) -> nn.Module:
        trained.append(len(images))
        if len(trained) == 1:
            raise DivergedError("the loss is nan")
        return train(self, images, seed)

    card = small("none", "ft", "munkey")
    with monkeypatch.context() as patch:
        patch.setattr(Method, "train", diverging)
        swept = unbench.sweep(card, results=tmp_path, device="cpu")

    assert statuses(tmp_path) == {"none": "diverged", "ft": "diverged", "munkey": "ok"}
    assert len(trained) == 3, "the original once, and the two oracles"
    reason = "original on synthetic (random10, smoke, seed 0): the loss is nan"
    assert {state.error for state in swept.bad.values()} == {reason}
    assert swept.failed == {"original on synthetic (random10, smoke, seed 0)": "the loss is nan"}
    assert inline[0].asked.count("run") == 1

    assert unbench.sweep(card, results=tmp_path, device="cpu").ran == []
    again = unbench.sweep(card, results=tmp_path, device="cpu", retry=["diverged"])
    assert not again.bad and {row["method"] for row in again.ran} == {"none", "ft"}
    assert inline[1].asked == ["original", "run", "run"]
    assert set(trainings(tmp_path).values()) == {1}


def test_a_shadow_model_that_fails_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inline: list[Inline]
) -> None:
    body = "if self.context.seed == 1:\n    raise ValueError('out of luck')"
    monkeypatch.setenv("UNBENCH_PLUGINS", str(plugin(tmp_path, "moody", body)))

    swept = unbench.sweep(small("moody", shadows=4), results=tmp_path / "results", device="cpu")

    ((task, reason),) = swept.failed.items()
    assert task == "shadow model 1 of moody on synthetic (random10, smoke, seed 0)"
    assert "out of luck" in reason and not swept.bad


def test_two_that_retry_at_once_do_it_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inline: list[Inline]
) -> None:
    monkeypatch.setenv("UNBENCH_PLUGINS", str(plugin(tmp_path, "raises", "raise ValueError('luck')")))
    results = tmp_path / "results"
    unbench.sweep(small("raises"), results=results, device="cpu")
    settings = Settings(results, device="cpu", evaluate=False)
    plans = [Planner(settings).plan({spec_of("raises"): False}, retry=["failed"]) for _ in range(2)]
    outcomes = [perform(plan.tasks[-1], settings) for plan in plans]

    rows: Any = [outcome.row for outcome in outcomes]
    assert [row["attempt"] for row in rows] == [2, 2], "the second takes what the first made"
