"""Records of metrics, from docstrings and from arguments of decorators."""

from __future__ import annotations

import subprocess
import sys

import pytest

from unbench.errors import UnbenchError
from unbench.metrics import METRICS, Metric
from unbench.metrics.registry import metric, percent


@pytest.fixture(autouse=True)
def _no_metrics_left(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("first", "second", "third"):
        monkeypatch.setitem(METRICS, name, None)
        del METRICS[name]


def texts(name: str) -> tuple[str, str, str, str]:
    found: Metric = METRICS[name]
    return found.title, found.definition, found.formula, found.source


def first(run: object, model: str) -> float:
    """A title
    on two lines

    A definition.

    In two paragraphs.

    Formula:
        a + b
    Source: a paper; with
        more of it
    Raises:
        MissingValue: never.
    """
    return 1.0


def test_a_docstring_is_the_record() -> None:
    percent()(first)
    assert texts("first") == (
        "A title on two lines",
        "A definition. In two paragraphs.",
        "a + b",
        "a paper; with more of it",
    )
    assert (METRICS["first"].unit, METRICS["first"].function) == ("percent", first)


def test_arguments_come_before_the_docstring_and_suffice_without_one() -> None:
    percent(title="Another", version=2)(first)
    assert texts("first")[:2] == ("Another", "A definition. In two paragraphs.")
    percent(name="second", title="T", definition="D", formula="F", source="S")(lambda run, model: 0.0)
    assert texts("second") == ("T", "D", "F", "S")


def test_a_metric_like_another_takes_what_it_does_not_say_but_never_title_definition_and_version() -> None:
    percent(attack=True, version=3)(first)

    def second(run: object, model: str) -> float:
        """Second

        As first.

        Source: another paper
        """
        return 2.0

    metric(like=first, ideal="0")(second)
    assert texts("second") == ("Second", "As first.", "a + b", "another paper")
    made = METRICS["second"]
    assert (made.unit, made.attack, made.ideal, made.version) == ("percent", True, "0", 1)

    def third(run: object, model: str) -> float:
        return 3.0

    with pytest.raises(UnbenchError, match="metric 'third' has no title, definition: write a docstring"):
        metric(like=first)(third)


def test_a_metric_without_a_record_and_a_second_one_of_a_name_are_refused() -> None:
    with pytest.raises(UnbenchError, match="metric 'second' has no title, definition, formula, source"):
        percent(name="second")(lambda run, model: 0.0)
    percent()(first)
    with pytest.raises(ValueError, match="two metrics are called 'first'"):
        percent()(first)


def test_python_without_docstrings_is_told_so() -> None:
    done = subprocess.run([sys.executable, "-OO", "-m", "unbench", "list", "metrics"], capture_output=True, text=True)
    assert done.returncode == 2 and "which python -OO drops" in done.stderr
