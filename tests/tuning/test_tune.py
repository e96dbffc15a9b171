"""Tuning on a forget set of its own, and what it writes to the card."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes import row_columns as evaluate

from unbench import load_outputs, load_results, run
from unbench.config import registry
from unbench.config.cards import MethodCard, Tuned, read_card
from unbench.errors import CardError, SpecError, UnknownNameError
from unbench.experiment.spec import RunSpec
from unbench.experiment.tuning import FINAL_SEEDS, TUNING_SEED, Tuning, tune
from unbench.experiment.tuning.record import write_to_card
from unbench.experiment.tuning.study import Study
from unbench.metrics import RunOutputs

REPO = Path(__file__).resolve().parents[2]
SMALL = {"dataset": "synthetic", "preset": "smoke", "device": "cpu"}


@pytest.fixture
def card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A card of one's own for fine-tuning, called `mine`, for which nothing was tuned."""
    (tmp_path / "methods").mkdir()
    path = tmp_path / "methods" / "mine.toml"
    text = (REPO / "methods" / "ft.toml").read_text().replace('name = "ft"', 'name = "mine"  # a comment')
    path.write_text(text.partition("[tuned")[0].rstrip() + "\n")
    monkeypatch.setenv("UNBENCH_CARDS", str(tmp_path))
    registry._read_all.cache_clear()
    yield path
    registry._read_all.cache_clear()


def test_trials_run_on_a_forget_set_that_is_never_reported(tmp_path: Path) -> None:
    said: list[str] = []
    tuning = tune("ft", trials=3, results=tmp_path, log=said.append, **SMALL)  # type: ignore[arg-type]
    rows = load_results(tmp_path / "tuning")
    assert set(rows["seed"]) == {TUNING_SEED, *FINAL_SEEDS}
    assert not (tmp_path / "runs").exists(), "nothing that a report would read"
    trials = rows[(rows["method"] == "ft") & (rows["seed"] == TUNING_SEED)]
    assert len(trials) == 3
    assert [line.partition(" ")[0] for line in said] == ["trial"] * 3 + ["final:"] * 3
    assert tuning.chosen.score <= tuning.chosen.default_score  # type: ignore[operator]
    idle = rows[rows["method"] == "none"]["val_gap"]
    assert len(idle) == 3 and tuning.chosen.none_score == pytest.approx(idle.mean(), abs=1e-3)
    assert set(tuning.chosen.hparams) == {"lr", "epochs"}
    assert tuning.study.exists()

    count = len(list((tmp_path / "tuning" / "runs").iterdir()))
    again = tune("ft", trials=3, results=tmp_path, **SMALL)  # type: ignore[arg-type]
    assert again.chosen == tuning.chosen
    assert len(list((tmp_path / "tuning" / "runs").iterdir())) == count, "what was done is not done again"
    said.clear()
    tune("ft", trials=4, results=tmp_path, log=said.append, **SMALL)  # type: ignore[arg-type]
    assert sum(line.startswith("trial") for line in said) == 1
    fewer = tune("ft", trials=3, results=tmp_path, **SMALL)  # type: ignore[arg-type]
    assert fewer.chosen == tuning.chosen, "a budget is what was asked for, however many trials there are"


def test_two_processes_on_one_search_make_its_trials_between_them(tmp_path: Path) -> None:
    code = f"from unbench.experiment.tuning import tune; tune('ft', trials=3, results={str(tmp_path)!r}, **{SMALL})"
    both = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    (file,) = (tmp_path / "tuning" / "studies").glob("*.log")
    assert len(Study(file, file.stem)) == 3
    rows = load_results(tmp_path / "tuning")
    assert len(rows[(rows["method"] == "ft") & (rows["seed"] == TUNING_SEED)]) == 3, "no trial was made twice"


def test_what_wins_on_one_forget_set_alone_is_not_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def pretend(spec: RunSpec, *place: object) -> dict[str, object]:
        """Small rates win on the first forget set and ruin the model on the others; nothing beats 2 elsewhere."""
        small = float(spec.hparams.get("lr", 0)) < 0.005
        gap = 4.0 if spec.method.name == "none" else 2.0
        if spec.method.name == "ft" and small:
            gap = 1.0 if spec.seed == TUNING_SEED else 50.0
        return {"status": "ok", "val_gap": gap, "oracle_seconds": 1.0, "data_fingerprint": "x", "run_key": "y"}

    monkeypatch.setattr("unbench.experiment.run.run_spec", pretend)
    chosen = tune("ft", trials=12, results=tmp_path, **SMALL).chosen  # type: ignore[arg-type]
    assert (chosen.score, chosen.default_score, chosen.none_score) == (2.0, 2.0, 4.0)
    assert chosen.hparams["lr"] == 0.01, "the default, which is always in the final"


def test_the_rule_does_not_look_at_the_test_set(tmp_path: Path) -> None:
    row = run("ft[epochs=1]", results=tmp_path, **SMALL)  # type: ignore[arg-type]
    outputs = RunOutputs.from_table(load_outputs(tmp_path, row))
    on_test = outputs.splits == "test"
    noise = np.random.default_rng(0)
    spoilt = {
        model: np.where(on_test[:, None], noise.normal(size=logits.shape), logits).astype(np.float32)
        for model, logits in outputs.logits.items()
    }
    before, _ = evaluate(outputs)
    after, _ = evaluate(replace(outputs, logits=spoilt))
    assert after["avg_gap"] != before["avg_gap"]
    assert after["val_gap"] == before["val_gap"] == row["val_gap"]


def test_values_in_brackets_stay_fixed(tmp_path: Path) -> None:
    tuning = tune("ft[epochs=2]", trials=3, results=tmp_path, **SMALL)  # type: ignore[arg-type]
    rows = load_results(tmp_path / "tuning")
    assert {h["epochs"] for h in map(json.loads, rows[rows["method"] == "ft"]["hparams"])} == {2}
    assert tuning.chosen.hparams["epochs"] == 2


def test_a_trial_out_of_time_has_the_worst_score(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="no trial"):
        tune("ft", trials=2, time_limit=1e-9, results=tmp_path, **SMALL)  # type: ignore[arg-type]
    rows = load_results(tmp_path / "tuning")
    assert list(rows[rows["method"] == "ft"]["status"]) == ["timed_out", "timed_out"]
    assert rows[rows["method"] == "ft"]["error"].str.contains("longer than").all()
    assert tune("ft", trials=1, results=tmp_path, **SMALL).chosen.score < 100, "another limit is another search"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("method", "options", "error"),
    [
        ("none", {}, "nothing to tune"),
        ("ft", {"rule": "val_gip"}, "did you mean 'val_gap'"),
        ("ft", {"trials": 0}, "at least one trial"),
        ("ft", {"time_limit": 0.0}, "positive number of seconds"),
        ("ft", {"time_limit": float("nan")}, "positive number of seconds"),
        ("fft", {}, "did you mean 'ft'"),
    ],
)
def test_mistakes_are_told_in_a_line(method: str, options: dict[str, object], error: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=error):
        tune(method, results=tmp_path, **SMALL, **options)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def chosen(path: Path, **changes: object) -> Tuning:
    values = Tuned(version=1, model="vit", rule="val_gap", trials=20, score=1.5, hparams={"lr": 0.5, "epochs": 3})
    spec = RunSpec.parse("mine", "synthetic", preset="smoke")
    assert spec.method.path == path
    return Tuning(spec, values.model_copy(update=changes), path)


def test_the_choice_is_written_to_the_card_and_used(card: Path, tmp_path: Path) -> None:
    before = card.read_text()
    write_to_card(chosen(card))
    registry._read_all.cache_clear()
    text = card.read_text()
    assert text.startswith(before.rstrip("\n")), "the rest stays as it is, comments included"
    assert "[tuned.synthetic.smoke.random10]" in text
    spec = RunSpec.parse("mine", "synthetic", preset="smoke")
    assert (spec.hparams["lr"], spec.hparams["epochs"], spec.tuned) == (0.5, 3, True)
    plain = RunSpec.parse("mine", "synthetic", preset="smoke", start="default")
    assert (plain.hparams["lr"], plain.hparams["epochs"], plain.tuned) == (0.01, 10, False)
    given = RunSpec.parse("mine[lr=0.2]", "synthetic", preset="smoke")
    assert (given.hparams["lr"], given.hparams["epochs"], given.tuned) == (0.2, 3, False)
    for other in ({"scenario": "random1"}, {"preset": "cpu"}, {"model": "resnet18"}):
        assert RunSpec.parse("mine", "synthetic", **{"preset": "smoke", **other}).hparams["lr"] == 0.01  # type: ignore[arg-type]

    write_to_card(chosen(card, score=0.5, hparams={"lr": 0.1}))
    assert card.read_text().count("[tuned") == 1, "another choice takes its place"
    read = read_card(card, MethodCard)
    assert read.tuned["synthetic"]["smoke"]["random10"].hparams == {"lr": 0.1}


def test_choices_for_several_data_sets_stand_side_by_side(card: Path) -> None:
    write_to_card(chosen(card))
    registry._read_all.cache_clear()
    write_to_card(replace(chosen(card), spec=RunSpec.parse("mine", "digits", "class")))
    write_to_card(replace(chosen(card), spec=RunSpec.parse("mine", "digits")))
    tuned = read_card(card, MethodCard).tuned
    assert tuned.keys() == {"synthetic", "digits"}
    assert tuned["digits"]["cpu"].keys() == {"class", "random10"}


def test_values_for_another_version_of_the_method_are_not_used(card: Path) -> None:
    write_to_card(chosen(card, version=2))
    registry._read_all.cache_clear()
    assert RunSpec.parse("mine", "synthetic", preset="smoke").hparams["lr"] == 0.01


def test_illegal_values_in_a_card_are_a_fault(card: Path) -> None:
    write_to_card(chosen(card, hparams={"lrr": 0.1}))
    with pytest.raises(CardError, match="did you mean 'lr'"):
        read_card(card, MethodCard)


def test_a_card_that_cannot_be_written_stays(card: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = card.read_text()
    tuning = chosen(card)
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(Exception, match="No space left"):
        write_to_card(tuning)
    assert card.read_text() == before
    assert [path.name for path in card.parent.iterdir()] == [card.name]


def test_the_row_says_whether_its_values_were_tuned_and_how_to_repeat_it(card: Path, tmp_path: Path) -> None:
    write_to_card(chosen(card))
    registry._read_all.cache_clear()
    row = run("mine", "synthetic", preset="smoke", results=tmp_path / "r", device="cpu")
    assert row["tuned"] is True
    assert "mine[lr=0.5,epochs=3]" in row["command"]
    assert row["command"].endswith("--hparams default"), "the card's tuned values may change"
    assert run("mine", "synthetic", preset="smoke", results=tmp_path / "r", start="default")["tuned"] is False


def test_an_unknown_start_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'tuned'"):
        RunSpec.parse("ft", start="tune")  # type: ignore[arg-type]
