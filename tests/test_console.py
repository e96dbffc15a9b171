"""What a person sees along the way."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from unbench import progress
from unbench.cli.console import print_record, print_rows
from unbench.progress import ConsoleProgress


def test_in_a_pipe_long_work_leaves_one_line_and_short_work_none(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    bar = ConsoleProgress(Console(file=stream)).named("[ft] on digits")
    assert list(bar.track(range(5))) == list(range(5))
    assert stream.getvalue() == ""
    monkeypatch.setattr(progress, "WORTH_A_LINE", 0.0)
    assert list(bar.track((n for n in range(5)), "images", total=5)) == list(range(5))
    assert stream.getvalue().startswith("[ft] on digits: 5 images, ")
    assert stream.getvalue().count("\n") == 1


def test_on_a_terminal_there_is_a_bar() -> None:
    stream = io.StringIO()
    bar = ConsoleProgress(Console(file=stream, force_terminal=True, width=100), "training")
    list(bar.track(range(3)))
    assert "training" in stream.getvalue()
    assert "3/3" in stream.getvalue()


def test_rows_in_a_pipe_are_tab_separated(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows([{"name": "a", "value": None}, {"name": "b", "value": 1.5}], as_json=False)
    assert capsys.readouterr().out == "a\t\nb\t1.5\n"
    print_rows([], as_json=False)
    assert capsys.readouterr().out == ""


def test_on_a_terminal_a_small_number_is_not_shown_as_none(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    print_rows([{"a": 0.0004, "b": 0.0, "c": 12.345, "d": -2e-5}], as_json=False)
    assert capsys.readouterr().out.split()[-4:] == ["0.0004", "0.00", "12.35", "-2e-05"]


def test_a_record_shows_every_part(capsys: pytest.CaptureFixture[str]) -> None:
    print_record({"a": [1, 2], "b": {"c": {"d": 1, "e": None}}, "f": None}, as_json=False)
    assert capsys.readouterr().out == "a: 1, 2\nb:\n  c: d 1\nf: –\n"
