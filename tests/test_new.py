"""`unbench new method`: what it writes works at once, and it overwrites nothing."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from command import unbench

from unbench.cli.scaffold import new_method
from unbench.errors import StoreError, UnbenchError

FILES = ("my_idea.py", "my_idea.toml", "test_my_idea.py")


@pytest.fixture(autouse=True)
def no_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNBENCH_PLUGINS", "")


def test_the_command_prints_what_it_wrote_and_a_next_command_that_works(tmp_path: Path) -> None:
    done = unbench("new", "method", "my_idea", "--out", "a folder/of mine", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    written = [tmp_path / line for line in done.stdout.splitlines()]
    assert [path.name for path in written] == list(FILES)
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == sorted(written)
    for path in written:
        text = path.read_text("utf-8")
        assert "NAME" not in text
        assert "CLASS" not in text
    # One scenario is enough here; the test of the generated test checks all.
    written[1].write_text(written[1].read_text().replace("needs =", 'scenarios = ["class"]\nneeds ='))
    prefix, command = done.stderr.strip().split(" ", 1)
    assert prefix == "next:"
    program, *arguments = shlex.split(command)
    assert program == "unbench"
    check = unbench(*arguments, cwd=tmp_path)
    assert check.returncode == 0, check.stdout + check.stderr
    assert {line.split()[0] for line in check.stdout.splitlines()} == {"passed"}


def test_the_generated_test_passes(tmp_path: Path) -> None:
    new_method("my_idea", tmp_path)
    command = [sys.executable, "-m", "pytest", "-q", "test_my_idea.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Mine", "lowercase letters"),
        ("my-idea", "lowercase letters"),
        ("../mine", "lowercase letters"),
        ("1st", "lowercase letters"),
        ("mine\n", "lowercase letters"),
        ("", "lowercase letters"),
        ("ft", "there is already a method 'ft'"),
        ("lambda", "a keyword of Python"),
        ("true", "a keyword of Python"),
        ("random", "would hide the installed module"),
        ("torch", "would hide the installed module"),
        ("unbench", "would hide the installed module"),
    ],
)
def test_a_name_that_cannot_be_used_is_refused(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(UnbenchError, match=said) as caught:
        new_method(name, tmp_path)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", FILES)
def test_nothing_is_overwritten_and_nothing_written_beside(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(UnbenchError, match=f"{name} already exists"):
        new_method("my_idea", tmp_path)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UnbenchError, match="file already exists"):
        new_method("my_idea", tmp_path / "file")
    with pytest.raises(StoreError, match="cannot write"):
        new_method("my_idea", tmp_path / "file" / "folder")


def test_a_mistake_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    done = unbench("new", "method", "none", cwd=tmp_path)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert "already" in done.stderr
    assert not list(tmp_path.iterdir())
