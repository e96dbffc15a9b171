"""Pictures are those of their specs, whichever process draws them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.figure import Figure
from svg import texts_of

from unbench.analysis.rows.noted import NotedTable
from unbench.errors import StoreError
from unbench.progress import Progress
from unbench.reporting.figures.accuracy import draw_accuracy
from unbench.reporting.figures.renderer import FigureSpec, Renderer, figure_csv
from unbench.reporting.figures.style import Palette, new_figure

COUNT = 4
NASTY = "a<b>&_$x^2$\"'{}"


def made(renderer: Renderer, *specs: FigureSpec) -> list[tuple[str, ...]]:
    names = [renderer.add(spec) for spec in specs]
    renderer.finish(Progress())
    return names


def empty_figure(data: NotedTable, title: str) -> Figure:
    return new_figure(title, data.notes, 2)[0]


def accuracies(count: int) -> list[FigureSpec]:
    columns, palette = ("label", "method", "set", "mean", "std", "oracle", "n_seeds"), Palette(("ft",))
    rows = [(f"ft {number}", "ft", "forget", 10.0 * number, 1.0, 50.0, 3) for number in range(count)]
    return [
        FigureSpec(
            f"p{n}", f"title {n}", NotedTable(pd.DataFrame([row], columns=columns)), draw_accuracy, palette=palette
        )
        for n, row in enumerate(rows)
    ]


def test_ten_digits_and_one_header() -> None:
    text = figure_csv(NotedTable(pd.DataFrame({"label": ['a,"b"'], "x": [1 / 3]})))
    assert text == 'label,x\n"a,""b""",0.3333333333\n'


def test_nothing_to_draw_is_nothing_written(tmp_path: Path) -> None:
    nothing = FigureSpec("none", NASTY, NotedTable(pd.DataFrame({"x": []}), ("a reason",)), empty_figure)
    assert made(Renderer(tmp_path, ("png", "svg"), True), nothing) == [()] and not list(tmp_path.iterdir())


def test_a_figure_is_written_as_all_that_is_wanted(tmp_path: Path) -> None:
    spec = FigureSpec("name", NASTY, NotedTable(pd.DataFrame({"x": [1]})), empty_figure)
    assert made(Renderer(tmp_path, ("svg", "png", "svg"), True), spec) == [("name.svg", "name.png", "name.csv")]
    assert NASTY in texts_of(tmp_path / "name.svg")
    assert (tmp_path / "name.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "name.csv").read_text("utf-8") == "x\n1\n"


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    return lambda count: monkeypatch.setattr("unbench.reporting.figures.renderer.cpu_count", lambda: count)


def test_several_processes_draw_the_same(tmp_path: Path, processes: Callable[[int], None]) -> None:
    specs = accuracies(2 * COUNT)
    for count in (1, 2):
        processes(count)
        names = made(Renderer(tmp_path / str(count), ("png", "svg")), *specs)
        assert names == [(f"{spec.name}.png", f"{spec.name}.svg") for spec in specs]
    alone = {path.name: path.read_bytes() for path in (tmp_path / "1").glob("*.*g")}
    assert len(alone) == len(set(alone.values())) == 4 * COUNT
    assert {path.name: path.read_bytes() for path in (tmp_path / "2").glob("*.*g")} == alone


@pytest.mark.parametrize("count", [1, 2])
def test_a_picture_that_cannot_be_written_is_named_and_those_before_it_are_kept(
    tmp_path: Path, processes: Callable[[int], None], count: int
) -> None:
    processes(count)
    specs = accuracies(2 * COUNT)
    (tmp_path / f"{specs[3].name}.png").mkdir()
    with pytest.raises(StoreError, match=f"cannot write .*{specs[3].name}.png"):
        made(Renderer(tmp_path), *specs)
    assert sorted(path.name for path in tmp_path.glob("*.png") if path.is_file()) == ["p0.png", "p1.png", "p2.png"]


def test_a_report_imports_no_matplotlib_into_its_own_process() -> None:
    code = (
        "import sys\nfrom pathlib import Path\n"
        "import unbench.reporting.figures.renderer, unbench.reporting.figures.catalogue\n"
        "assert not any(name.partition('.')[0] == 'matplotlib' for name in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
