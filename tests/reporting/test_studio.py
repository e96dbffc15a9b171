"""Pictures are those of their sketches, whichever process draws them, and are drawn again only if they would differ."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from matplotlib.figure import Figure
from svg import texts_of

from unbench.errors import StoreError
from unbench.progress import Progress
from unbench.report.figures.accuracy import draw_accuracy
from unbench.report.figures.saving import plot_csv
from unbench.report.figures.sketch import Sketch
from unbench.report.figures.studio import EACH, Studio
from unbench.report.figures.style import Palette, PlotData, new_figure

NASTY = "a<b>&_$x^2$\"'{}"


def made(studio: Studio, *sketches: Sketch) -> list[tuple[str, ...]]:
    names = [studio.add(sketch) for sketch in sketches]
    studio.start()
    studio.finish(Progress())
    return names


def empty_figure(data: PlotData, title: str) -> Figure:
    figure = new_figure(2, title, data.notes)
    figure.subplots()
    return figure


def accuracies(count: int) -> list[Sketch]:
    columns, palette = ("label", "method", "set", "mean", "std", "oracle", "n_seeds"), Palette(("ft",))
    rows = [(f"ft {number}", "ft", "forget", 10.0 * number, 1.0, 50.0, 3) for number in range(count)]
    return [
        Sketch(f"p{n}", f"title {n}", PlotData(pd.DataFrame([row], columns=columns)), draw_accuracy, palette=palette)
        for n, row in enumerate(rows)
    ]


def test_ten_digits_and_one_header() -> None:
    text = plot_csv(PlotData(pd.DataFrame({"label": ['a,"b"'], "x": [1 / 3]})))
    assert text == 'label,x\n"a,""b""",0.3333333333\n'


def test_nothing_to_draw_is_nothing_written(tmp_path: Path) -> None:
    nothing = Sketch("none", NASTY, PlotData(pd.DataFrame({"x": []}), ("a reason",)), empty_figure)
    assert made(Studio(tmp_path, ("png", "svg"), True), nothing) == [()] and not list(tmp_path.iterdir())


def test_a_figure_is_written_as_all_that_is_wanted(tmp_path: Path) -> None:
    sketch = Sketch("name", NASTY, PlotData(pd.DataFrame({"x": [1]})), empty_figure)
    assert made(Studio(tmp_path, ("svg", "png", "svg"), True), sketch) == [("name.svg", "name.png", "name.csv")]
    assert NASTY in texts_of(tmp_path / "name.svg")
    assert (tmp_path / "name.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "name.csv").read_text("utf-8") == "x\n1\n"


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_a_picture_is_drawn_again_if_what_it_shows_has_changed_or_it_is_not_whole(tmp_path: Path, kind: str) -> None:
    drawn: list[str] = []
    path = tmp_path / f"name.{kind}"

    def draw(data: PlotData, title: str, palette: Palette | None = None) -> Figure:
        drawn.append(title)
        return empty_figure(data, title)

    def draws(
        x: float = 1.0, note: str = "a", title: str = "t", heading: str = "", palette: Palette | None = None
    ) -> bool:
        before = len(drawn)
        sketch = Sketch("name", title, PlotData(pd.DataFrame({"x": [x]}), (note,)), draw, heading, palette)
        assert made(Studio(tmp_path, (kind,)), sketch) == [(path.name,)]
        return len(drawn) > before

    assert draws() and not draws()
    whole = path.read_bytes()
    changes: list[dict[str, Any]] = [{"x": 1 + 1e-15}, {"note": "b"}, {"title": "u"}, {"heading": "h"}]
    for changed in (*changes, {"palette": Palette(("ft",))}):
        assert draws(**changed) and not draws(**changed) and draws()
        assert path.read_bytes() == whole
    for damaged in (b"", whole[:-1], whole[:-9] + b"!" + whole[-8:]):
        path.write_bytes(damaged)
        assert draws() and path.read_bytes() == whole
    path.unlink()
    assert draws() and not draws()
    for forgotten in ("", "[]", '{"name": 1}'):
        (tmp_path / ".cache" / "pictures.json").write_text(forgotten, "utf-8")
        assert draws() and not draws()


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    return lambda count: monkeypatch.setattr("unbench.report.figures.studio.cpu_count", lambda: count)


def test_several_processes_draw_the_same(tmp_path: Path, processes: Callable[[int], None]) -> None:
    sketches = accuracies(2 * EACH)
    for count in (1, 2):
        processes(count)
        names = made(Studio(tmp_path / str(count), ("png", "svg")), *sketches)
        assert names == [(f"{sketch.name}.png", f"{sketch.name}.svg") for sketch in sketches]
    alone = {path.name: path.read_bytes() for path in (tmp_path / "1").glob("*.*g")}
    assert len(alone) == len(set(alone.values())) == 4 * EACH
    assert {path.name: path.read_bytes() for path in (tmp_path / "2").glob("*.*g")} == alone


@pytest.mark.filterwarnings("ignore:\\d+ tasks:UserWarning")  # that the others will not be drawn
@pytest.mark.parametrize("count", [1, 2])
def test_a_picture_that_cannot_be_written_is_told_and_those_before_it_are_kept(
    tmp_path: Path, processes: Callable[[int], None], count: int
) -> None:
    processes(count)
    sketches = accuracies(2 * EACH)
    (tmp_path / f"{sketches[3].name}.png").mkdir()
    with pytest.raises(StoreError, match=f"cannot write .*{sketches[3].name}.png"):
        made(Studio(tmp_path), *sketches)
    assert sorted(json.loads((tmp_path / ".cache" / "pictures.json").read_text())) == ["p0.png", "p1.png", "p2.png"]
