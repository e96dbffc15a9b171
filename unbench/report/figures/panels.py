"""Small multiples: a panel for each label, on the same scales, in rows that fit a page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.lines import Line2D

from unbench.analysis.board.formatting import shorten
from unbench.report.figures.style import Palette, model_look, new_figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FEW = 9
"""Panels up to which there are three in a row, and four beyond."""
_TITLE = 0.36
"""Inches of the two lines of a title, below which the legend goes."""


def by_label(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The rows of each panel: those of one label, in the order in which labels come."""
    return {str(label): rows for label, rows in table.groupby("label", sort=False)}


def panel_grid(
    labels: Sequence[str], title: str, notes: Sequence[str], *, x: str, y: str, tall: float, low: float | None = None
) -> tuple[Figure, list[Axes]]:
    """A figure and one panel for each label; only the outer ones have numbers and names on their axes.

    Panels share their axes: scale, limits and ticks that the first is given are those of all.

    Args:
        labels: at least one.
        title: over the figure.
        notes: under it.
        x: what the horizontal axes are called.
        y: what the vertical axes are called.
        tall: inches of a row of up to three panels.
        low: inches of a row of four; default four fifths of `tall`.
    """
    across = min(3 if len(labels) <= _FEW else 4, len(labels))
    down = math.ceil(len(labels) / across)
    height = tall if across < 4 else low if low is not None else 0.8 * tall
    figure = new_figure(0.75 + height * down, title, notes)
    panels = list(figure.subplots(down, across, squeeze=False, sharex=True, sharey=True).flatten())
    for number, panel in enumerate(panels):
        if number >= len(labels):
            panel.set_visible(False)
        elif number + across >= len(labels):
            panel.tick_params(labelbottom=True)
            panel.set_xlabel(x)
        if number % across == 0:
            panel.set_ylabel(y)
    return figure, panels[: len(labels)]


def name_panels(panels: Sequence[Axes], labels: Sequence[str]) -> None:
    """Put the names above the panels, because a curve can pass through any corner inside."""
    for panel, label in zip(panels, labels, strict=True):
        panel.set_title(shorten(label, name_width(len(labels))), loc="left", fontsize=8, fontweight="bold")


def name_width(count: int) -> int:
    """Letters of a name that fit above a panel, where there are so many panels."""
    return 29 if count <= _FEW else 21


def model_legend(figure: Figure) -> None:
    """What the lines of the three models look like, once for all panels; takes a third line of the title."""
    names = {"original": "original", "oracle": "oracle", "unlearned": "unlearned, in the colour of its method"}
    palette = Palette(("unlearned",))
    handles = [Line2D([], [], label=text, **model_look(model, "unlearned", palette)) for model, text in names.items()]
    below_title = 1 - _TITLE / figure.get_figheight()
    figure.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(0, below_title), ncols=3, fontsize=7, handlelength=2.4
    )
