"""Cards: what is accepted, and how mistakes are reported."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from unbench.config import registry
from unbench.config.cards import DatasetCard, MethodCard, read_card
from unbench.config.grammar import expand, parse_call
from unbench.errors import CardError, SpecError, UnknownNameError
from unbench.experiment.spec import RunSpec
from unbench.methods.base import Method, load_method

REPO = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("name", registry.methods())
def test_every_method_card_points_at_a_method_and_gives_reasons(name: str) -> None:
    card = registry.method(name)
    assert issubclass(load_method(card), Method)
    assert card.source.citation
    assert all(knob.why for knob in card.hparams.values())


@pytest.mark.parametrize("name", registry.datasets())
def test_every_dataset_card_has_the_presets_that_scripts_rely_on(name: str) -> None:
    card = registry.dataset(name)
    assert {"smoke", "cpu", "paper"} <= card.presets.keys()
    assert card.licence
    assert card.citation


def test_unknown_names_offer_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'munkey'"):
        registry.method("munky")
    with pytest.raises(UnknownNameError, match="did you mean 'digits'"):
        registry.dataset("digit")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("claim =", "clam =", "did you mean 'claim'"),
        ('name = "ft"', 'name = "tf"', "has the name 'tf'; its file must be called tf.toml"),
        ("default = 0.01", "default = 5.0", "must lie in"),
        ('family = "post-hoc"', 'family = "posthoc"', "family"),
        ('name = "ft"', "name = ", "is not valid TOML: line 1, column "),
        (
            "[hparams.lr]",
            "[tuned.digits.cpu.random10]\nversion = 1\n\n[hparams.lr]",
            "move them to RESULTS/tuning/tuned.toml",
        ),
    ],
)
def test_a_wrong_card_is_named_with_its_fault(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = (REPO / "methods" / "ft.toml").read_text()
    assert old in text
    card = tmp_path / "ft.toml"
    card.write_text(text.replace(old, new, 1))
    with pytest.raises(CardError, match=said) as caught:
        read_card(card, MethodCard)
    assert str(card) in str(caught.value)
    assert "\n" not in str(caught.value).split(": ", 1)[0]


def test_cards_of_ones_own_are_found_and_duplicates_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "datasets").mkdir()
    own = (REPO / "datasets" / "synthetic.toml").read_text().replace('name = "synthetic"', 'name = "mine"')
    (tmp_path / "datasets" / "mine.toml").write_text(own)
    monkeypatch.setenv("UNBENCH_CARDS", str(tmp_path))
    assert isinstance(registry.dataset("mine"), DatasetCard)
    assert "digits" in registry.datasets()
    other = tmp_path / "other"
    (other / "datasets").mkdir(parents=True)
    shutil.copy(REPO / "datasets" / "digits.toml", other / "datasets")
    monkeypatch.setenv("UNBENCH_CARDS", os.pathsep.join([str(tmp_path), str(other)]))
    with pytest.raises(CardError, match="two cards are called 'digits'"):
        registry.datasets()
    monkeypatch.setenv("UNBENCH_CARDS", str(tmp_path / "nowhere"))
    with pytest.raises(CardError, match="nowhere"):
        registry.datasets()


def test_calls_are_read() -> None:
    assert parse_call(" ft[ lr=0.01 , epochs=3 ] ") == ("ft", {"lr": "0.01", "epochs": "3"})
    assert parse_call("ft") == ("ft", {})
    for wrong in ("ft[lr]", "ft[lr=1", "", "ft[lr=1,lr=2]", "a b"):
        with pytest.raises(SpecError):
            parse_call(wrong)


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"method": "ft[lrr=1]"}, "did you mean 'lr'"),
        ({"method": "ft[lr=fast]"}, "must be a number"),
        ({"method": "ft[lr=nan]"}, "must be finite"),
        ({"method": "ft[epochs=2.5]"}, "must be an integer"),
        ({"method": "ft[epochs=0]"}, "must lie in"),
        ({"scenario": "random20"}, "did you mean 'random10'|did you mean 'random"),
        ({"scenario": "class[label=cat]"}, "class number"),
        ({"scenario": "class[label=²]"}, "class number"),
        ({"scenario": "class[lable=1]"}, "unknown option 'lable' of scenario 'class'; did you mean 'label'?"),
        ({"scenario": "random10[label=1]"}, "takes no options"),
        ({"preset": "cpus"}, "unknown preset 'cpus' for dataset 'digits'; did you mean 'cpu'?"),
        ({"model": "resnet"}, "did you mean 'resnet18'"),
        ({"seed": -1}, "from 0"),
    ],
)
def test_a_wrong_request_is_refused_in_one_line(request_: dict, said: str) -> None:
    with pytest.raises(SpecError, match=said) as caught:
        RunSpec.parse(**request_)
    assert "\n" not in str(caught.value)


def test_the_key_is_made_of_meaning() -> None:
    def key(method: str, data: str = "data", split: str = "split", **request: Any) -> str:
        return RunSpec.parse(method, start="default", **request).key(data, split)

    base = key("ft")
    assert key("ft[lr=0.01]") == base, "a default written out is the same run"
    others = [
        key("ft[lr=0.02]"),
        key("ga"),
        key("ft", seed=1),
        key("ft", preset="smoke"),
        key("ft", scenario="random1"),
        key("ft", model="convnet"),
        key("ft", data="other"),
        key("ft", split="other"),
    ]
    assert len({base, *others}) == 1 + len(others)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ft", ["ft"]),
        ("ft[lr=1|2]", ["ft[lr=1]", "ft[lr=2]"]),
        ("ft[a=1|2, b=x, c=3|4]", ["ft[a=1,b=x,c=3]", "ft[a=1,b=x,c=4]", "ft[a=2,b=x,c=3]", "ft[a=2,b=x,c=4]"]),
    ],
)
def test_alternatives_are_multiplied_out(text: str, expected: list[str]) -> None:
    assert expand(text) == expected


def test_a_stem_must_be_an_encoder_with_maps(tmp_path: Path) -> None:
    text = (REPO / "datasets" / "digits.toml").read_text()
    for stem, said in (("pixels", "gives no feature maps"), ("resnet9000", "unknown encoder")):
        card = tmp_path / "digits.toml"
        card.write_text(text.replace("[presets.cpu]\n", f'[presets.cpu]\nstem = "{stem}"\n'))
        with pytest.raises(CardError, match=said):
            read_card(card, DatasetCard)


def test_defaults_with_a_stem_hold_on_presets_with_one() -> None:
    card = registry.method("munkey")
    special = {name: knob for name, knob in card.hparams.items() if knob.with_stem is not None}
    assert special
    with_stem = RunSpec.parse("munkey", "cub", preset="cpu").hparams
    without = RunSpec.parse("munkey", "cub", preset="smoke").hparams
    for name, knob in special.items():
        assert with_stem[name] == knob.with_stem
        assert without[name] == knob.default
