"""Tuning on forget sets of its own, and the file that its choice is written to."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from command import run_together
from command import unbench as command
from fakes import row_columns as evaluate

import unbench
from unbench import load_outputs, load_results, run
from unbench.analysis.board.cells import BoardCell
from unbench.config.tuned import SHIPPED, Tuned, read_tuned, tuned_path
from unbench.errors import CardError, SpecError, StoreError, UnknownNameError
from unbench.experiment.spec import RunSpec
from unbench.experiment.tuning import FINAL_SEEDS, TUNING_SEED, Tuning, tune
from unbench.experiment.tuning.record import check_out, write_choice
from unbench.experiment.tuning.study import Study
from unbench.metrics import RunOutputs

REPO = Path(__file__).resolve().parents[2]
SMALL = {"dataset": "synthetic", "preset": "smoke", "device": "cpu"}


@pytest.fixture
def card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A card of one's own for fine-tuning, called `mine`, for which nothing was tuned."""
    path = tmp_path / "cards" / "methods" / "mine.toml"
    path.parent.mkdir(parents=True)
    path.write_text((REPO / "methods" / "ft.toml").read_text().replace('name = "ft"', 'name = "mine"  # a comment'))
    monkeypatch.setenv("UNBENCH_CARDS", str(tmp_path / "cards"))
    return path


@pytest.fixture
def file(card: Path, tmp_path: Path) -> Path:
    """Where tuning in the results folder `tmp_path` writes what it chose for `mine`."""
    return tuned_path(tmp_path)


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
    assert run_together([(code,)] * 2) == [0, 0]
    (file,) = (tmp_path / "tuning" / "studies").glob("*.log")
    assert len(Study(file)) == 3
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


def chosen(spec: RunSpec | None = None, **changes: object) -> Tuning:
    values = Tuned(version=1, model="vit", rule="val_gap", trials=20, score=1.5, hparams={"lr": 0.5, "epochs": 3})
    spec = spec or RunSpec.parse("mine", "synthetic", preset="smoke")
    return Tuning(spec, values.model_copy(update=changes), Path("study"))


def parsed(file: Path, method: str = "mine", **request: object) -> RunSpec:
    return RunSpec.parse(method, "synthetic", results=file.parents[1], **{"preset": "smoke", **request})  # type: ignore[arg-type]


def test_the_choice_is_written_to_the_results_folder_and_used_there(card: Path, file: Path) -> None:
    before = card.read_bytes()
    shipped = SHIPPED.read_bytes()
    write_choice(chosen(), file)
    assert "[mine.synthetic.smoke.random10]" in file.read_text()
    spec = parsed(file)
    assert (spec.hparams["lr"], spec.hparams["epochs"], spec.tuned) == (0.5, 3, True)
    plain = parsed(file, start="default")
    assert (plain.hparams["lr"], plain.hparams["epochs"], plain.tuned) == (0.01, 10, False)
    given = parsed(file, "mine[lr=0.2]")
    assert (given.hparams["lr"], given.hparams["epochs"], given.tuned) == (0.2, 3, False)
    for other in ({"scenario": "random1"}, {"preset": "cpu"}, {"model": "resnet18"}, {"results": None}):
        assert (
            RunSpec.parse(
                "mine",
                "synthetic",
                **{"preset": "smoke", "results": file.parents[1], **other},  # type: ignore[arg-type]
            ).hparams["lr"]
            == 0.01
        )

    write_choice(chosen(score=0.5, hparams={"lr": 0.1}), file)
    assert file.read_text().count("[mine") == 1, "another choice takes its place"
    assert parsed(file).hparams == {**plain.hparams, "lr": 0.1}
    assert (card.read_bytes(), SHIPPED.read_bytes()) == (before, shipped)


def test_what_a_results_folder_chose_comes_before_what_is_shipped(tmp_path: Path) -> None:
    spec = RunSpec.parse("ft", results=tmp_path)
    assert spec.tuned and spec.hparams != RunSpec.parse("ft", start="default").hparams
    write_choice(chosen(spec, hparams={"lr": 0.1, "epochs": 2}), tuned_path(tmp_path))
    here = RunSpec.parse("ft", results=tmp_path)
    assert (here.hparams["lr"], here.hparams["epochs"], here.tuned) == (0.1, 2, True)
    assert RunSpec.parse("ft", "fashion_mnist", results=tmp_path).tuned, "what was not tuned here is as shipped"
    assert RunSpec.parse("ft") == spec
    write_choice(chosen(spec, version=99, hparams={"lr": 0.1}), tuned_path(tmp_path))
    assert RunSpec.parse("ft", results=tmp_path) == spec, "values for another version of the method do not count"


def test_choices_for_several_places_stand_side_by_side_and_comments_stay(file: Path) -> None:
    file.parent.mkdir()
    text = """# mine
[ga.digits.cpu.random10] # why
version = 1
model = "vit"
rule = "val_gap"
trials = 20
score = 1.0 # small
remark = "no better"
hparams = {lr = 0.1}
# before the next

[theirs.pets.cpu."class[label=3]"]
version = 7
model = "convnet"
rule = "val_gap"
trials = 1
score = 3.0
hparams = {}
"""
    file.write_text(text)
    write_choice(chosen(), file)
    for spec in (RunSpec.parse("mine", "digits", "class"), RunSpec.parse("mine"), RunSpec.parse("ga")):
        write_choice(replace(chosen(), spec=spec), file)
    written = file.read_text()
    assert [line for line in written.splitlines() if line.startswith("[")] == [
        "[ga.digits.cpu.random10] # why",
        '[theirs.pets.cpu."class[label=3]"]',
        "[mine.synthetic.smoke.random10]",
        "[mine.digits.cpu.class]",
        "[mine.digits.cpu.random10]",
    ]
    assert text.partition("[theirs")[2] in written, "another choice stays as it is"
    for comment in ("# mine", "# small", "# before the next"):
        assert comment in written
    assert "no better" not in written, "a remark is about the choice that it was written for"
    places = read_tuned(file).choices
    assert {place.method for place in places} == {"ga", "theirs", "mine"} and len(places) == 5


def test_a_results_folder_has_tuned_values_of_methods_that_are_not_known_here(file: Path) -> None:
    write_choice(chosen(), file)
    file.write_text(file.read_text().replace("[mine.", "[gone."))
    assert parsed(file).hparams["lr"] == 0.01


def test_illegal_values_are_a_fault_of_their_file(file: Path) -> None:
    write_choice(chosen(hparams={"lrr": 0.1}), file)
    with pytest.raises(CardError, match="did you mean 'lr'") as caught:
        parsed(file)
    assert f"{file}, [mine.synthetic.smoke.random10]" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[mine]\nx = 1 y", "is not valid TOML: line 2, column 7: Expected"),
        ("mine = 3", "is not a file of tuned values: mine: "),
        ("[mine.synthetic.smoke.random10]\nversion = 1", "mine.synthetic.smoke.random10.model: Field required"),
        (b"\xff", "is not UTF-8 text: byte 1"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_and_kept(file: Path, content: str | bytes, said: str) -> None:
    file.parent.mkdir()
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    before = file.read_bytes()
    for call in (lambda: parsed(file), lambda: write_choice(chosen(), file), lambda: check_out(file)):
        with pytest.raises(CardError) as caught:
            call()  # type: ignore[no-untyped-call]
        assert said in str(caught.value) and str(file) in str(caught.value) and "\n" not in str(caught.value)
    assert file.read_bytes() == before


def test_tables_that_cannot_be_edited_without_loss_are_kept(file: Path) -> None:
    write_choice(chosen(), file)
    values = tomllib.loads(file.read_text())["mine"]["synthetic"]["smoke"]["random10"]
    pairs = ", ".join(f"{key} = {json.dumps(value)}" for key, value in values.items() if key != "hparams")
    file.write_text(f"mine = {{synthetic = {{smoke = {{random10 = {{{pairs}, hparams = {{lr = 0.5}}}}}}}}}}\n")
    before = file.read_bytes()
    with pytest.raises(CardError, match="choose another --out"):
        write_choice(chosen(RunSpec.parse("mine")), file)
    assert file.read_bytes() == before


def test_a_file_that_cannot_be_written_stays(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_choice(chosen(), file)
    before = file.read_bytes()
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(StoreError, match="No space left"):
        write_choice(chosen(score=0.5), file)
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir() if path.name[0] != "."] == [file.name]


def test_two_processes_that_write_at_once_lose_nothing(file: Path, card: Path) -> None:
    code = """
import sys
from pathlib import Path
from unbench.config.tuned import Tuned
from unbench.experiment.spec import RunSpec
from unbench.experiment.tuning import Tuning
from unbench.experiment.tuning.record import write_choice
values = Tuned(version=1, model="vit", rule="val_gap", trials=1, score=1.0, hparams={"lr": 0.5})
for label in range(int(sys.argv[2]), 8, 2):
    spec = RunSpec.parse("mine", "synthetic", f"class[label={label}]")
    write_choice(Tuning(spec, values, Path()), Path(sys.argv[1]))
"""
    assert run_together([(code, str(file), str(half)) for half in range(2)]) == [0, 0]
    assert {place.scenario for place in read_tuned(file).choices} == {f"class[label={label}]" for label in range(8)}


def test_the_row_says_whether_its_values_were_tuned_and_how_to_repeat_it(file: Path, tmp_path: Path) -> None:
    write_choice(chosen(), file)
    row = run("mine", "synthetic", preset="smoke", results=tmp_path, device="cpu")
    assert row["tuned"] is True
    assert "mine[lr=0.5,epochs=3]" in row["command"]
    assert "--hparams default" in row["command"], "tuned values may change"
    assert run("mine", "synthetic", preset="smoke", results=tmp_path, start="default")["tuned"] is False


def test_a_report_knows_what_its_results_folder_chose(file: Path, tmp_path: Path) -> None:
    for method in ("mine", "mine[lr=0.5,epochs=3]"):
        run(method, "synthetic", preset="smoke", results=tmp_path, device="cpu", start="default")
    write_choice(chosen(), file)
    cells: list[BoardCell] = []
    unbench.report(tmp_path, tmp_path / "out", show=cells.extend, formats=["csv"], plots=())
    board = cells[0].rows
    assert dict(zip(board["label"], board["chosen"], strict=True)) == {
        "mine": "tuned",
        "mine[epochs=10,lr=0.01]": "default",
    }


def test_the_command_writes_where_it_is_told_and_shows_what_was_chosen(tmp_path: Path) -> None:
    smoke = ("tune", "-m", "ft", "-d", "synthetic", "--preset", "smoke", "--trials", "1", "--device", "cpu")
    (tmp_path / "wrong.toml").write_text("[ft")
    refused = command("tune", *smoke[1:], "--out", "wrong.toml", cwd=tmp_path)
    assert refused.returncode == 2 and "wrong.toml is not valid TOML" in refused.stderr
    assert not (tmp_path / "results").exists(), "it was found before any work"
    for options, file in (((), "results/tuning/tuned.toml"), (("--out", "own.toml"), "own.toml")):
        done = command(*smoke, *options, "--json", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert f"chosen values are in {file}" in done.stderr
        (row,) = json.loads(done.stdout)
        stored = tomllib.loads((tmp_path / file).read_text())["ft"]["synthetic"]["smoke"]["random10"]
        assert stored["hparams"] == row["hparams"]
    shown = json.loads(command("show", "method", "ft", "--json", cwd=tmp_path).stdout)["tuned"]
    assert shown["synthetic.smoke.random10"]["trials"] == 1
    assert shown["digits.cpu.random10"]["trials"] == 20, "the shipped values are there as well"


def test_an_unknown_start_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'tuned'"):
        RunSpec.parse("ft", start="tune")  # type: ignore[arg-type]
