"""What a sweep is made of: files and flags that say the same, and mistakes that are found at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from unbench.config import registry
from unbench.errors import SpecError
from unbench.experiment.spec import RunSpec
from unbench.sweeps.sweep_file import SweepCard, parse_seeds, read_sweep


def read(tmp_path: Path, text: str) -> SweepCard:
    path = tmp_path / "sweep.toml"
    path.write_text(text)
    return read_sweep(path)


def test_nothing_said_is_munkey_on_digits() -> None:
    assert SweepCard().runs() == {RunSpec.parse("munkey", "digits", "random10", "cpu", 0): False}


def test_a_file_and_flags_say_the_same(tmp_path: Path) -> None:
    card = read(
        tmp_path,
        'methods = ["ft[lr=0.01|0.1]", "none"]\ndatasets = ["digits", "synthetic"]\nscenarios = ["class"]\n'
        'seeds = [0, 3]\npreset = "smoke"\nmodel = "convnet"\nhparams = "default"\nprobe = true\njobs = 2\n',
    )
    flags = {
        "methods": ["ft[lr=0.01|0.1]", "none"],
        "datasets": ["digits", "synthetic"],
        "scenarios": ["class"],
        "seeds": [0, 3],
        "preset": "smoke",
        "model": "convnet",
        "hparams": "default",
        "probe": True,
        "jobs": 2,
        "threads": None,
    }

    assert SweepCard().with_flags(flags) == card
    assert len(card.runs()) == 3 * 2 * 2
    first = RunSpec.parse("ft[lr=0.01]", "digits", "class", "smoke", 0, "convnet", "default")
    assert next(iter(card.runs().items())) == (first, True)


def test_flags_take_the_place_of_what_the_file_says_in_every_group(tmp_path: Path) -> None:
    card = read(
        tmp_path,
        'datasets = ["synthetic"]\nseeds = [0, 1]\n[[group]]\nmethods = ["ft"]\n'
        '[[group]]\nmethods = ["ct"]\nmodel = "convnet"\nseeds = [2]\n',
    )

    assert [(spec.written, spec.seed, spec.preset.model) for spec in card.runs()] == [
        ("ft", 0, "vit"),
        ("ft", 1, "vit"),
        ("ct", 2, "convnet"),
    ]
    assert [(spec.written, spec.seed) for spec in card.with_flags({"seeds": [7]}).runs()] == [("ft", 7), ("ct", 7)]


@pytest.mark.parametrize("word", ["all", "post-hoc", "by-design", "reference"])
def test_words_stand_for_every_method_of_a_family(word: str) -> None:
    methods = {spec.method.name for spec in SweepCard(methods=[word]).runs()}

    assert methods == {name for name, card in registry.methods().items() if word in ("all", card.family)}


def test_what_is_asked_for_twice_is_run_once() -> None:
    assert len(SweepCard(methods=["ft", "post-hoc", "ft"], seeds=[0, 0]).runs()) == len(
        SweepCard(methods=["post-hoc"]).runs()
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('metods = ["ft"]', "unknown key 'metods'; did you mean 'methods'?"),
        ("[[group]]\nsedes = [1]", "unknown key 'sedes'; did you mean 'seeds'?"),
        ('seeds = ["0"]', "seeds.0"),
        ("jobs = 0", "jobs"),
        ('executor = "slrum"', "executor"),
        ("methods = ft", "sweep.toml is not valid TOML"),
        ("methods = []", "empty sweep: no methods"),
        ("seeds = []", "empty sweep: no seeds"),
    ],
)
def test_a_mistake_is_one_line_that_says_what(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SpecError) as caught:
        read(tmp_path, text).runs()
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_seeds_of_a_command_line() -> None:
    assert parse_seeds("3,0-2, 7") == [3, 0, 1, 2, 7]
    for wrong in ("", "1,", "-1", "a", "1-", "1.5"):
        with pytest.raises(SpecError, match="whole numbers"):
            parse_seeds(wrong)


def test_shadow_models_are_asked_for_by_cell() -> None:
    card = SweepCard(methods=["ft", "ga"], datasets=["digits"], seeds=[0, 1, 2], shadows=8)

    assert card.shadows_of_cells() == {RunSpec.parse("ft", "digits"): 8, RunSpec.parse("ga", "digits"): 8}
    assert not SweepCard(methods=["ft"]).shadows_of_cells()
