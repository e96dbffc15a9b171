"""Plots of the leaderboard, each one plain data first and drawn second."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from unbench.reporting.cells import Cell, safe
from unbench.reporting.contest import Contest
from unbench.reporting.critical import CriticalDifference
from unbench.reporting.formatting import seed_span

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from unbench.reporting.plots.style import Palette, PlotData

__all__ = ["Drawing", "draw_diagrams", "draw_plots"]


@dataclass(frozen=True)
class Drawing:
    """One plot of one cell: its file's name, None where there was nothing to draw, and what it leaves out.

    `method` is the one whose ablations it shows; empty for plots that compare methods.
    """

    title: str
    file: str | None
    notes: tuple[str, ...]
    method: str = ""


@dataclass(frozen=True)
class _Plot:
    """A plot to be: the first part of its file's name, its title, what it shows and how that is drawn."""

    name: str
    title: str
    heading: str
    data: PlotData
    draw: Callable[[PlotData, str, Palette], Figure | None]
    method: str = ""


def draw_plots(
    cells: Sequence[Cell], frame: pd.DataFrame, results: Path, out: Path, datasets: Sequence[str] | None = None
) -> list[list[Drawing]]:
    """Draw every plot of every cell as OUT/<plot>-<cell>.png.

    Args:
        cells: of the leaderboard.
        frame: the runs behind it, as unbench.load_results gives them.
        results: where their per-example outputs are.
        out: the folder to write in.
        datasets: names of those whose plots are drawn; None draws all.

    Returns:
        The plots of each cell, none of those that were not to be drawn.
    """
    wanted = [datasets is None or cell.rows.iloc[0]["dataset"] in datasets for cell in cells]
    if not any(wanted):
        return [[] for _ in cells]
    from unbench.reporting.plots.style import Palette, save, style

    palette = Palette.of(cells)
    drawings = []
    with style():
        for cell, draw in zip(cells, wanted, strict=True):
            drawn = []
            for plot in _plots(cell, frame, results) if draw else ():
                figure = plot.draw(plot.data, f"{plot.title}\n{plot.heading}", palette)
                file = None if figure is None else f"{plot.name}-{cell.slug}.png"
                if figure is not None and file is not None:
                    save(figure, out / file)
                drawn.append(Drawing(f"{plot.title}: {plot.heading}", file, plot.data.notes, plot.method))
            drawings.append(drawn)
    return drawings


def draw_diagrams(contests: Sequence[Contest], out: Path) -> dict[str, Drawing]:
    """Draw the critical differences of each preset that has them as OUT/ranks-<preset>.png; by preset."""
    found = {}
    for contest in contests:
        tested, preset = contest.critical, contest.arena.preset
        if isinstance(tested, CriticalDifference):
            from unbench.reporting.plots.ranks_diagram import draw_critical_difference
            from unbench.reporting.plots.style import save, style

            title = f"Mean ranks over the cells of preset {preset}"
            file = f"ranks-{safe(preset)}.png"
            with style():
                save(draw_critical_difference(tested, title), out / file)
            found[preset] = Drawing(title, file, ())
    return found


def _plots(cell: Cell, frame: pd.DataFrame, results: Path) -> Iterator[_Plot]:
    """The plots of one cell, one at a time: the curves of many runs are large."""
    from unbench.reporting.plots.ablation import ablation_data, draw_ablation
    from unbench.reporting.plots.accuracy import accuracy_data, draw_accuracy
    from unbench.reporting.plots.accuracy_gap import accuracy_gap_data, draw_accuracy_gap
    from unbench.reporting.plots.roc import draw_roc, roc_data
    from unbench.reporting.plots.tradeoff import draw_tradeoff, tradeoff_data

    heading = f"{cell.title} · {cell.seeds}"
    yield _Plot("accuracy", "Accuracy after unlearning", heading, accuracy_data(cell.main), draw_accuracy)
    title = "Gap to the oracle against time (lower left is better)"
    yield _Plot("gap-time", title, heading, tradeoff_data(cell.main), draw_tradeoff)
    title = "Membership inference: forget set against test set"
    yield _Plot("roc", title, heading, roc_data(cell.main, frame, results), draw_roc)
    for study in cell.studies:
        method = study.method
        heading = f"{cell.title} · {seed_span(row['n_seeds'] for row in study.rows)}"
        title = f"Ablations of {method}: one hyper-parameter at a time"
        yield _Plot(f"ablation-{method}", title, heading, ablation_data(study), draw_ablation, method)
        title = f"Accuracy against gap, variants of {method} (upper left is better)"
        yield _Plot(f"accuracy-gap-{method}", title, heading, accuracy_gap_data(study), draw_accuracy_gap, method)
