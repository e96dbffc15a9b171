"""Plots of the leaderboard, each one plain data first and drawn second."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from unbench.reporting.cells import Cell

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Drawing", "draw_plots"]


@dataclass(frozen=True)
class Drawing:
    """One plot of one cell: its file's name, None where there was nothing to draw, and what it leaves out."""

    title: str
    file: str | None
    notes: tuple[str, ...]


def draw_plots(cells: Sequence[Cell], frame: pd.DataFrame, results: Path, out: Path) -> list[list[Drawing]]:
    """Draw every plot of every cell as OUT/<plot>-<cell>.png.

    Args:
        cells: of the leaderboard.
        frame: the runs behind it, as unbench.load_results gives them.
        results: where their per-example outputs are.
        out: the folder to write in.
    """
    if not cells:
        return []
    from unbench.reporting.plots.accuracy import accuracy_data, draw_accuracy
    from unbench.reporting.plots.roc import draw_roc, roc_data
    from unbench.reporting.plots.style import Palette, save, style
    from unbench.reporting.plots.tradeoff import draw_tradeoff, tradeoff_data

    palette = Palette.of(cells)
    drawings = []
    with style():
        for cell in cells:
            heading = f"{cell.title} · {cell.seeds}"
            drawn = []
            for name, title, read, draw in (
                ("accuracy", "Accuracy after unlearning", accuracy_data, draw_accuracy),
                ("gap-time", "Gap to the oracle against time (lower left is better)", tradeoff_data, draw_tradeoff),
            ):
                data = read(cell.rows)
                figure = draw(data, f"{title}\n{heading}", palette)
                file = f"{name}-{cell.slug}.png"
                if figure is not None:
                    save(figure, out / file)
                drawn.append(Drawing(f"{title}: {heading}", file if figure is not None else None, data.notes))
            curves = roc_data(cell.rows, frame, results)
            title = "Membership inference: forget set against test set"
            figure = draw_roc(curves, f"{title}\n{heading}", palette)
            file = f"roc-{cell.slug}.png"
            if figure is not None:
                save(figure, out / file)
            drawn.append(Drawing(f"{title}: {heading}", file if figure is not None else None, curves.notes))
            drawings.append(drawn)
    return drawings
