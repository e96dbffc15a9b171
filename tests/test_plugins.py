"""Methods and data sets from outside: files and folders named by --plugin, add_plugin, UNBENCH_PLUGINS and
UNBENCH_CARDS, and installed packages named by entry points."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from command import unbench

from unbench import run
from unbench.cli import app
from unbench.config import registry
from unbench.data import load_dataset, sources
from unbench.errors import CardError
from unbench.methods.base import Method, load_method

REPO = Path(__file__).resolve().parents[1]
CODE = """
import torch
from unbench.methods.base import Method

class Mine(Method):
    def unlearn(self, model, access):
        with torch.no_grad():
            next(model.parameters()).mul_(0.9)
        return model
"""
BROKEN = "raise RuntimeError('imported')\n"


@pytest.fixture(autouse=True)
def no_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test adds is gone after it."""
    monkeypatch.setenv("UNBENCH_PLUGINS", "")


def write_card(path: Path, code: str) -> Path:
    text = (REPO / "methods" / "none.toml").read_text().replace('name = "none"', f'name = "{path.stem}"')
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.replace("unbench.methods.none:DoNothing", code))
    return path


def write_method(folder: Path, name: str = "mine", code: str = CODE) -> Path:
    """NAME.py and NAME.toml; returns the former."""
    card = write_card(folder / f"{name}.toml", f"{name}:Mine")
    card.with_suffix(".py").write_text(code)
    return card.with_suffix(".py")


def install(site: Path, value: str, distribution: str = "unbench-extras") -> None:
    """What pip would leave in `site` of a distribution with one entry point."""
    info = site / f"{distribution.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[unbench.cards]\nextras = {value}\n")


def assert_refused(done: subprocess.CompletedProcess[str], *said: str) -> None:
    lines = [line for line in done.stderr.splitlines() if "starting" not in line]
    assert (done.returncode, done.stdout, len(lines)) == (2, "", 1), done.stderr
    for text in said:
        assert text in lines[0]


@pytest.mark.parametrize("given", ["mine.py", "mine.toml", "."])
def test_a_loose_method_is_found_by_its_file_its_card_or_their_folder(tmp_path: Path, given: str) -> None:
    write_method(tmp_path)
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    before = list(sys.path)
    registry.add_plugin(tmp_path / given)
    code = load_method(registry.method("mine"))
    assert issubclass(code, Method)
    assert load_method(registry.method("mine")) is code
    assert sys.modules[code.__module__].__file__ == str(tmp_path / "mine.py")
    assert sys.path == before
    assert "mine" not in sys.modules


def test_a_loose_method_hides_no_module_of_its_name(tmp_path: Path) -> None:
    registry.add_plugin(write_method(tmp_path, "colorsys"))
    assert load_method(registry.method("colorsys")).__name__ == "Mine"
    import colorsys

    assert colorsys.rgb_to_hsv(0, 0, 0) == (0, 0, 0)


def test_files_of_one_name_in_two_folders_are_two_modules(tmp_path: Path) -> None:
    classes = []
    for folder in ("a", "b"):
        os.environ["UNBENCH_PLUGINS"] = str(write_method(tmp_path / folder))
        classes.append(load_method(registry.method("mine")))
    assert classes[0] is not classes[1]


def test_what_is_known_follows_the_environment(tmp_path: Path) -> None:
    a, b = write_method(tmp_path, "a"), write_method(tmp_path, "b")
    known = []
    for plugins in ([], [a], [a, b], [b], []):
        os.environ["UNBENCH_PLUGINS"] = os.pathsep.join(map(str, plugins))
        known.append({"a", "b"} & registry.methods().keys())
    assert known == [set(), {"a"}, {"a", "b"}, {"b"}, set()]


def test_one_file_named_in_several_ways_is_one_method(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write_method(tmp_path / "methods")
    monkeypatch.setenv("UNBENCH_CARDS", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to("methods")
    for path in (file, file, "methods/../methods", "link/mine.toml"):
        registry.add_plugin(path)
    assert load_method(registry.method("mine")).__name__ == "Mine"
    monkeypatch.chdir("/")
    assert "mine" in registry.methods(), "paths were made absolute"


@pytest.mark.parametrize("taken", ["ft", "mine"])
def test_a_name_found_twice_is_refused_with_both_files(tmp_path: Path, taken: str) -> None:
    if taken == "mine":
        registry.add_plugin(write_method(tmp_path / "first"))
    first = registry.method(taken).path
    before = os.environ["UNBENCH_PLUGINS"]
    second = write_method(tmp_path / "second", taken).with_suffix(".toml")
    with pytest.raises(CardError, match="two cards are called") as caught:
        registry.add_plugin(second)
    assert str(first) in str(caught.value)
    assert str(second) in str(caught.value)
    assert os.environ["UNBENCH_PLUGINS"] == before
    assert registry.method(taken).path == first


def test_a_card_may_point_at_an_installed_module(tmp_path: Path) -> None:
    registry.add_plugin(write_card(tmp_path / "mine.toml", "unbench.methods.ft:FineTune"))
    assert load_method(registry.method("mine")).__name__ == "FineTune"


def test_a_method_that_is_put_right_is_loaded_anew(tmp_path: Path) -> None:
    registry.add_plugin(write_method(tmp_path, code=BROKEN))
    with pytest.raises(CardError, match="imported"):
        load_method(registry.method("mine"))
    (tmp_path / "mine.py").write_text(CODE)
    assert load_method(registry.method("mine")).__name__ == "Mine"


def test_a_worker_that_is_spawned_knows_the_loose_methods_of_its_parent(tmp_path: Path) -> None:
    registry.add_plugin(write_method(tmp_path))
    options = {"preset": "smoke", "results": tmp_path / "results", "device": "cpu"}
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        row = pool.apply(run, ("mine", "synthetic"), options)
    assert (row["status"], row["method"]) == ("ok", "mine")


def test_a_path_that_cannot_be_handed_down_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CardError, match="other processes"):
        registry.add_plugin(write_method(tmp_path / f"a{os.pathsep}b"))


@pytest.mark.parametrize(
    ("plugin", "said"),
    [
        ("nowhere.py", "there is no plug-in"),
        ("alone.py", "there is no alone.toml beside it"),
        ("empty", "has no cards: no NAME.toml beside its NAME.py, no methods/, no datasets/"),
        ("notes.txt", "is neither a card, nor a .py file with its card beside it, nor a folder"),
        ("wrong.py", "did you mean 'claim'"),
    ],
)
def test_a_bad_plugin_is_one_line_and_exit_code_2(tmp_path: Path, plugin: str, said: str) -> None:
    for name in ("alone.py", "notes.txt"):
        (tmp_path / name).write_text(CODE)
    (tmp_path / "empty").mkdir()
    card = write_method(tmp_path, "wrong").with_suffix(".toml")
    card.write_text(card.read_text().replace("claim =", "clam ="))
    assert_refused(unbench("list", "methods", "--plugin", plugin, cwd=tmp_path), str(tmp_path / plugin)[:-3], said)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("\n" + BROKEN, "cannot be imported: RuntimeError: imported (mine.py:2)"),
        ("import no_such_module\n", "No module named 'no_such_module' (mine.py:1)"),
        ("def f(:\n", "mine.py, line 1"),
        ("", "there is no 'Mine' in"),
        ("class Mine: pass\n", "must be a subclass of unbench.methods.Method"),
        ("Mine = 3\n", "is not a class"),
    ],
)
def test_code_that_cannot_be_used_is_said_in_one_line(tmp_path: Path, code: str, said: str) -> None:
    registry.add_plugin(write_method(tmp_path, code=code))
    with pytest.raises(CardError) as caught:
        load_method(registry.method("mine"))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("command", ["run", "check"])
def test_code_that_cannot_be_imported_stops_a_command_before_any_work(tmp_path: Path, command: str) -> None:
    write_method(tmp_path, code=BROKEN)
    arguments = {"run": ["run", "-m", "none", "-m", "mine"], "check": ["check", "method", "mine"]}[command]
    assert_refused(unbench(*arguments, "--plugin", "mine.py", cwd=tmp_path), "RuntimeError: imported (mine.py:1)")
    assert not list(tmp_path.rglob("*.parquet"))


def test_a_loose_method_runs_from_the_command_line(tmp_path: Path) -> None:
    write_method(tmp_path / "mine")
    write_method(tmp_path, "other")
    smoke = ("-d", "synthetic", "--preset", "smoke", "--json")
    plugins = ("--plugin", "mine", "--plugin", "other.py")
    done = unbench("run", "-m", "mine", "-m", "other", *plugins, *smoke, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(row["method"], row["status"]) for row in rows] == [("mine", "ok"), ("other", "ok")]
    assert [row["command"].partition(" --plugin ")[2] for row in rows] == ["mine.py", "other.py"]


def test_loose_methods_are_listed_and_shown_without_their_code(tmp_path: Path) -> None:
    file = write_method(tmp_path, code=BROKEN)
    listed = unbench("list", "methods", "--plugin", "mine.py", cwd=tmp_path)
    assert "mine" in {line.split("\t")[0] for line in listed.stdout.splitlines()}, listed.stderr
    shown = unbench("show", "method", "mine", cwd=tmp_path, UNBENCH_PLUGINS=str(file))
    assert "mine:Mine" in shown.stdout, shown.stderr


def test_an_installed_package_brings_cards_and_is_not_imported_for_them(tmp_path: Path) -> None:
    package = tmp_path / "site" / "extras"
    write_card(package / "cards" / "methods" / "theirs.toml", "extras.code:Mine")
    (package / "cards" / "datasets").mkdir()
    synthetic = (REPO / "datasets" / "synthetic.toml").read_text()
    card = synthetic.replace('name = "synthetic"', 'name = "theirs_too"')
    (package / "cards" / "datasets" / "theirs_too.toml").write_text(card)
    (package / "__init__.py").write_text(BROKEN)
    (package / "code.py").write_text(CODE)
    install(tmp_path / "site", "extras.cards")
    environment = {"PYTHONPATH": str(tmp_path / "site")}
    for kind, name in (("methods", "theirs"), ("datasets", "theirs_too")):
        done = unbench("list", kind, cwd=tmp_path, **environment)
        assert name in {line.split("\t")[0] for line in done.stdout.splitlines()}, done.stderr
    assert_refused(unbench("run", "-m", "theirs", cwd=tmp_path, **environment), "imported (__init__.py:1)")
    (package / "__init__.py").write_text("")
    done = unbench(
        "run", "-m", "theirs", "-d", "theirs_too", "--preset", "smoke", "--json", cwd=tmp_path, **environment
    )
    assert json.loads(done.stdout)["status"] == "ok", done.stderr


@pytest.mark.parametrize(
    ("value", "file"),
    [
        ("extras_a", "extras_a/__init__.py"),
        ("extras_b.inner", "extras_b/inner/__init__.py"),
        ("extras_c.inner.module", "extras_c/inner/module.py"),
        ("extras_d", "extras_d.py"),
    ],
)
def test_an_entry_point_is_a_package_or_a_module_in_the_folder_of_cards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str, file: str
) -> None:
    card = write_card((tmp_path / file).parent / "methods" / "theirs.toml", "extras:Mine")
    (tmp_path / file).write_text(BROKEN)
    install(tmp_path, value)
    monkeypatch.syspath_prepend(tmp_path)
    assert registry.method("theirs").path == card


def test_packages_are_looked_for_again_when_the_path_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_card(tmp_path / "extras_of_a_session" / "methods" / "theirs.toml", "extras:Mine")
    install(tmp_path, "extras_of_a_session")
    assert "theirs" not in registry.methods()
    with monkeypatch.context() as patch:
        patch.syspath_prepend(tmp_path)
        assert "theirs" in registry.methods()
    assert "theirs" not in registry.methods()


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("nowhere", "cannot be found"),
        ("json.nowhere", "cannot be found"),
        ("nowhere.at.all:it", "cannot be found"),
        ("", "cannot be found"),
        ("sys", "cannot be found"),
        ("bare", "neither methods/ nor datasets/"),
        ("wrong", "did you mean 'claim'"),
        ("twice", "two cards are called 'ft'"),
    ],
)
def test_a_broken_package_is_named(tmp_path: Path, value: str, said: str) -> None:
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "__init__.py").touch()
    card = write_card(tmp_path / "wrong" / "methods" / "theirs.toml", "extras:Mine")
    card.write_text(card.read_text().replace("claim =", "clam ="))
    write_card(tmp_path / "twice" / "methods" / "ft.toml", "extras:Mine")
    install(tmp_path, value, "faulty-extras")
    assert_refused(unbench("list", "methods", cwd=tmp_path, PYTHONPATH=str(tmp_path)), "'faulty-extras'", said)


@pytest.mark.parametrize(
    "words",
    [
        *(["run"], ["check"], ["train"], ["predict"], ["report"], ["diff"]),
        *(["list", "methods"], ["show", "method"], ["list", "datasets"], ["show", "dataset"]),
    ],
)
def test_every_command_that_meets_methods_has_the_option(words: list[str]) -> None:
    command: Any = typer.main.get_command(app)
    for word in words:
        command = command.commands[word]
    option = next(parameter for parameter in command.params if parameter.name == "plugin")
    assert (option.opts, option.envvar) == (["--plugin"], "UNBENCH_PLUGINS")


SOURCE = """
import numpy as np
from PIL import Image
from unbench.data.sources.base import Files, RawData, RawSplit

class Stripes:
    def __init__(self, card):
        self.card = card

    def find(self, root):
        return Files(())

    def fetch(self, root):
        pass

    def read(self, root):
        labels = np.arange(40) % 2
        pictures = [Image.fromarray(np.full((8, 8), 200 * label + i, np.uint8)) for i, label in enumerate(labels)]
        split = RawSplit(labels, lambda: pictures)
        return RawData(("dark", "light"), {"train": split, "test": split})
"""


def write_dataset(
    folder: Path, name: str = "stripes", source: str = "stripes:Stripes", code: str | None = SOURCE
) -> Path:
    """NAME.toml, and NAME.py if there is code; returns the card."""
    text = (REPO / "datasets" / "synthetic.toml").read_text().replace('name = "synthetic"', f'name = "{name}"')
    text = text.replace('source = "synthetic"', f'source = "{source}"').replace("\nclasses = 4", "\nclasses = 2")
    text = re.sub(r"(?m)^(source_options|sizes) .*\n", "", text)
    folder.mkdir(parents=True, exist_ok=True)
    card = folder / f"{name}.toml"
    card.write_text(text)
    if code is not None:
        card.with_suffix(".py").write_text(code)
    return card


@pytest.mark.parametrize("given", ["stripes.toml", "stripes.py", "."])
def test_a_data_set_with_a_source_of_its_own_is_a_plugin(tmp_path: Path, given: str) -> None:
    write_dataset(tmp_path)
    write_method(tmp_path)
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    registry.add_plugin(tmp_path / given)
    assert ("mine" in registry.methods()) == (given == "."), "a file names its own card alone"
    card = registry.dataset("stripes")
    data = load_dataset(card, card.presets["smoke"], tmp_path, download=False)
    assert data.classes == ("dark", "light") and len(data.test) == 40
    assert "stripes" not in sys.modules


def test_a_run_on_a_loose_data_set_says_how_to_repeat_it(tmp_path: Path) -> None:
    write_dataset(tmp_path)
    done = unbench(
        *("run", "-m", "none", "-d", "stripes", "--preset", "smoke", "--plugin", "stripes.toml", "--json"), cwd=tmp_path
    )
    row = json.loads(done.stdout)
    assert row["status"] == "ok", done.stderr
    assert row["command"].endswith("--plugin stripes.py")
    shown = unbench("list", "datasets", "--plugin", ".", cwd=tmp_path).stdout
    assert "stripes" in {line.split("\t")[0] for line in shown.splitlines()}


def test_the_card_of_a_data_set_needs_no_code(tmp_path: Path) -> None:
    card = write_dataset(tmp_path, source="folder", code=None)
    for given in (card, tmp_path):
        os.environ["UNBENCH_PLUGINS"] = str(given)
        assert registry.dataset("stripes").path == card


@pytest.mark.parametrize(
    ("source", "code", "said"),
    [
        ("stripes:Gone", SOURCE, "there is no 'Gone' in"),
        ("stripes:Stripes", BROKEN, "cannot be imported: RuntimeError: imported (stripes.py:1)"),
        ("stripes:Stripes", "class Stripes:\n    def find(self, root): pass\n", "lacks the methods fetch, read"),
        ("stripe", None, "unknown source 'stripe'"),
    ],
)
def test_a_source_that_cannot_be_used_is_reported_in_one_line(
    tmp_path: Path, source: str, code: str | None, said: str
) -> None:
    registry.add_plugin(write_dataset(tmp_path, source=source, code=code))
    with pytest.raises(CardError) as caught:
        sources.create(registry.dataset("stripes"))
    assert said in str(caught.value) and "data set 'stripes'" in str(caught.value) and "\n" not in str(caught.value)


def test_a_folder_of_cards_is_the_same_plugin_by_either_variable(tmp_path: Path) -> None:
    """What scripts of other people rely on: UNBENCH_CARDS, unbench.registry, load_dataset and the scenarios."""
    write_dataset(tmp_path / "datasets")
    write_method(tmp_path / "methods")
    script = (
        "from unbench import registry; from unbench.data import load_dataset\n"
        "from unbench.scenarios import parse_scenario, draw_forget_set\n"
        "card = registry.dataset('stripes'); registry.method('mine')\n"
        "data = load_dataset(card, card.presets['smoke'], '.', download=False)\n"
        "drawn = draw_forget_set(parse_scenario('random10'), data.train.labels, 2, 0)\n"
        "print(len(drawn.forget), len(drawn.retain), data.classes, data.checksum, data.mismatches, list(data.splits))\n"
    )
    for variable in ("UNBENCH_CARDS", "UNBENCH_PLUGINS"):
        environment = {**os.environ, "UNBENCH_PLUGINS": "", variable: str(tmp_path)}
        done = subprocess.run(
            [sys.executable, "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.stdout == "4 32 ('dark', 'light') none published () ['train', 'val', 'test']\n", done.stderr
