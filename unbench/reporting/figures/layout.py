"""Where things stand in a figure: margins in inches, rows of panels, and the axis that gaps are drawn on."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from unbench.analysis.board.formatting import shorten
from unbench.reporting.figures.labels import text_width
from unbench.reporting.figures.style import Palette, model_look

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 7.0
"""Inches: the width of a text block over two columns."""

_EDGE = 0.07
_TITLE_LINE, _NOTE_LINE = 0.165, 0.112
KEY_SIZE, KEY_LINE, KEY_SAMPLE = 7, 0.145, 0.28
"""Points of the texts of a key, and inches of its lines and samples."""
_BETWEEN = 0.2
_X_AXIS = 0.4
"""Inches that the numbers and the name of a horizontal axis take."""
_FEW = 9
"""Panels up to which there are three in a row, and four beyond."""


@dataclass(frozen=True)
class PanelRow:
    """One row of panels: inches of the space above it and of its height."""

    above: float
    height: float


def new_figure(
    title: str,
    notes: Sequence[str],
    rows: Sequence[PanelRow],
    columns: int = 1,
    *,
    left: float = 0.55,
    right: float = 0.1,
    between: float = _BETWEEN,
    below: float = _X_AXIS,
) -> tuple[Figure, list[Axes]]:
    """Return a figure with a title above it and notes below it, and its panels, row by row.

    Args:
        title: one line or two.
        notes: each on lines of its own.
        rows: of panels.
        columns: panels in each row.
        left: inches left of the panels.
        right: inches right of them.
        between: inches between two columns.
        below: inches below the last row.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    footer = "\n".join(textwrap.fill(note, 146) for note in notes)
    head = _EDGE + _TITLE_LINE * len(title.splitlines())
    foot = _EDGE + (_NOTE_LINE * len(footer.splitlines()) if footer else 0)
    tall = head + sum(row.above + row.height for row in rows) + below + foot
    figure = Figure(figsize=(WIDTH, tall))
    FigureCanvasAgg(figure)
    figure.suptitle(title, x=0.01, y=1 - 0.05 / tall, ha="left", va="top", fontsize=9.5, fontweight="bold")
    if footer:
        looks = {"fontsize": 6.5, "color": "#444444"}
        figure.supxlabel(footer, x=0.01, y=0.05 / tall, ha="left", va="bottom", **looks)
    width = (WIDTH - left - right - between * (columns - 1)) / columns
    panels, top = [], tall - head
    for row in rows:
        top -= row.above + row.height
        for column in range(columns):
            x = left + column * (width + between)
            panels.append(figure.add_axes((x / WIDTH, top / tall, width / WIDTH, row.height / tall)))
    return figure, panels


def by_label(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Split a table into the rows of each label, in the order in which labels come."""
    return {str(label): rows for label, rows in table.groupby("label", sort=False)}


def panel_grid(
    labels: Sequence[str],
    title: str,
    notes: Sequence[str],
    names: tuple[str, str],
    *,
    left: float = 0.55,
    square: bool = False,
    above: float = 0.24,
    legend: bool = True,
) -> tuple[Figure, list[Axes]]:
    """Return a figure of small panels and one panel for each label.

    Panels share their axes: scale, limits and ticks of the first are those of all. Only the outer ones have numbers
    and names on their axes.

    Args:
        labels: at least one.
        title: above the figure.
        notes: below it.
        names: of the horizontal and the vertical axes.
        left: inches left of the panels.
        square: whether panels are as high as they are wide, else lower.
        above: inches above each panel, for its name.
        legend: whether the lines of the three models are explained below the title.
    """
    across = min(3 if len(labels) <= _FEW else 4, len(labels))
    down = math.ceil(len(labels) / across)
    # As wide as one of three where there are fewer.
    right = 0.12 + (WIDTH - left) * (3 - across) / 3 if across < 3 else 0.12
    width = (WIDTH - left - right - _BETWEEN * (across - 1)) / across
    height = width if square else 0.85 * width
    gap = above + 0.08 if len(labels) % across == 0 else above + _X_AXIS
    rows = [PanelRow(above + (KEY_LINE + 0.05 if legend else 0.05), height), *[PanelRow(gap, height)] * (down - 1)]
    figure, panels = new_figure(title, notes, rows, across, left=left, right=right)
    for panel in panels[len(labels) :]:
        panel.remove()
    panels = panels[: len(labels)]
    for number, panel in enumerate(panels):
        if number:
            panel.sharex(panels[0])
            panel.sharey(panels[0])
        outer = number + across >= len(labels)
        panel.tick_params(labelsize=7, labelbottom=outer, labelleft=number % across == 0)
        panel.set_xlabel(names[0] if outer else "")
        panel.set_ylabel(names[1] if number % across == 0 else "")
    if legend:
        models = {"original": "original", "oracle": "oracle", "unlearned": "unlearned, in the colour of its method"}
        palette = Palette(("unlearned",))
        entries = [(text, model_look(model, "unlearned", palette)) for model, text in models.items()]
        draw_key(panels[0], "above", entries, columns=3, lift=above)
    return figure, panels


def name_panels(panels: Sequence[Axes], labels: Sequence[str], lift: float = 0.055) -> None:
    """Put the names above the panels, `lift` inches, because a curve can pass through any corner inside."""
    most = 29 if len(panels) <= _FEW else 21
    for panel, label in zip(panels, labels, strict=True):
        panel.set_title(shorten(label, most), loc="left", fontsize=8, fontweight="bold", pad=72 * lift)


def key_height(entries: int, columns: int) -> float:
    """Return the inches that the horizontal axis and a key of so many entries take below the axes."""
    return _X_AXIS + 0.05 + KEY_LINE * math.ceil(entries / columns)


def draw_key(
    axes: Axes,
    side: Literal["above", "below", "right"],
    entries: Sequence[tuple[str, Mapping[str, Any]]],
    columns: int = 1,
    lift: float = 0.04,
) -> None:
    """Explain what lines and markers mean: Matplotlib's own legend takes several times as long.

    Args:
        axes: beside which the key goes.
        side: of the axes; below is beneath the name of the horizontal axis.
        entries: text and look of each.
        columns: filled one after the other, each as wide as its texts need.
        lift: inches between the axes and a key above them.
    """
    from matplotlib.lines import Line2D

    figure: Any = axes.figure
    box = axes.get_position()
    tall, inches = figure.get_figheight(), figure.dpi_scale_trans
    down = max(1, math.ceil(len(entries) / columns))
    left, top = box.x0 * WIDTH, box.y0 * tall - _X_AXIS - 0.03
    if side == "above":
        top = box.y1 * tall + lift + KEY_LINE * down
    elif side == "right":
        left, top = box.x1 * WIDTH + 0.12, box.y1 * tall
    for start in range(0, len(entries), down):
        column = entries[start : start + down]
        for number, (text, look) in enumerate(column):
            y = top - (number + 0.5) * KEY_LINE
            xs = [left, left + KEY_SAMPLE / 2, left + KEY_SAMPLE]
            figure.add_artist(Line2D(xs, [y] * 3, markevery=[1], transform=inches, **look))
            figure.text(xs[-1] + 0.07, y, text, va="center", fontsize=KEY_SIZE, transform=inches)
        left += KEY_SAMPLE + 0.27 + text_width((text for text, _ in column), KEY_SIZE)


def whiskers(
    axes: Axes, x: Sequence[float], y: Sequence[float], spread: Sequence[float], colours: Sequence[str]
) -> None:
    """Draw vertical whiskers, `spread` to both sides of each point, all in a few strokes; none where it is 0."""
    shown = [n for n, width in enumerate(spread) if width > 0]
    if not shown:
        return
    across, colour = [x[n] for n in shown], [colours[n] for n in shown]
    low, high = [y[n] - spread[n] for n in shown], [y[n] + spread[n] for n in shown]
    axes.vlines(across, low, high, colors=colour, linewidths=0.9, zorder=3)
    axes.scatter(across * 2, low + high, c=colour * 2, marker="_", s=14, linewidths=0.9, zorder=3)


def gap_axis(axes: Axes, which: Literal["x", "y"], largest: float, floor: float, label: bool = True) -> None:
    """Scale an axis in points: linear, but log above the noise floor where one collapsed method dwarfs the others.

    Args:
        axes: to set up.
        which: of its two axes.
        largest: gap to make room for, its whisker included.
        floor: the highest noise floor shown, 0 if there is none.
        label: whether the axis is named.
    """
    horizontal = which == "x"
    axis = axes.xaxis if horizontal else axes.yaxis
    text = "Average Gap to the oracle, points"
    if 0 < 12 * floor < largest:
        (axes.set_xscale if horizontal else axes.set_yscale)("symlog", linthresh=floor, linscale=0.6)
        steps = [step * 10.0**power for power in range(-2, 3) for step in (1, 2, 5)]
        axis.set_ticks([0.0, *(step for step in steps if 0.99 * floor <= step <= 1.3 * largest)])
        axis.set_major_formatter(lambda value, _: f"{value:g}")
        axis.set_ticks([], minor=True)
        limits = (-0.12 * floor, 1.5 * largest)
        text = "Average Gap, points (log scale above the floor)"
    else:
        tallest = max(largest, floor, 0.1)
        limits = (-0.05 * tallest, 1.15 * tallest)
    (axes.set_xlim if horizontal else axes.set_ylim)(*limits)
    if label:
        axis.set_label_text(text)
