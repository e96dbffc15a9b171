"""The critical-difference diagram of Demšar (2006): mean ranks on one axis, bars over what is not told apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unbench.reporting.critical import ALPHA, CriticalDifference
from unbench.reporting.formatting import shorten
from unbench.reporting.plots.style import new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_STEP = 0.2
"""Inches between two names, and between two bars."""


def draw_critical_difference(data: CriticalDifference, title: str) -> Figure:
    """Names of the better half on the left, of the others on the right, best at the top."""
    half = (len(data.names) + 1) // 2
    told = data.p_value < ALPHA
    note = f"Friedman's test over {data.cells} cells: p = {data.p_value:.2g}. "
    note += "Bars join methods whose mean ranks are within the critical difference (CD, Nemenyi)."
    if not told:
        note += f" Not below {ALPHA:g}: no method is told from another."
    rows = 2.5 + len(data.groups) + half
    figure = new_figure(0.7 + _STEP * rows, title, [note])
    axes = figure.subplots()
    axes.set_xlim(1 - 0.02 * len(data.names), len(data.names) * 1.02)
    axes.set_ylim(rows, -1.8)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    axes.spines["top"].set_visible(True)
    axes.spines["top"].set_position(("data", 0))
    axes.xaxis.tick_top()
    axes.set_yticks([])
    axes.set_xticks(range(1, len(data.names) + 1))
    if told:
        end = min(1 + data.difference, float(len(data.names)))
        axes.plot([1, end], [-1.3, -1.3], color="black", linewidth=1.2, marker="|", markersize=5, clip_on=False)
        axes.annotate(
            f"CD = {data.difference:.2f}",
            (end, -1.3),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=7,
        )
    for number, (first, last) in enumerate(data.groups):
        y = 0.8 + number
        axes.plot([data.means[first], data.means[last]], [y, y], color="black", linewidth=3.2, solid_capstyle="butt")
    for number, (name, mean) in enumerate(zip(data.names, data.means, strict=True)):
        left = number < half
        y = 1.3 + len(data.groups) + (number if left else len(data.names) - 1 - number)
        edge, align, shift = (0.0, "right", -4) if left else (1.0, "left", 4)
        axes.plot([mean, mean], [0, y], color="#555555", linewidth=0.7)
        axes.annotate(
            f"{shorten(name, 30)}  {mean:.2f}",
            (edge, y),
            xytext=(shift, 0),
            xycoords=axes.get_yaxis_transform(),
            textcoords="offset points",
            ha=align,
            va="center",
            fontsize=7.5,
        )
        axes.axhline(
            y, *((0.0, _share(axes, mean)) if left else (_share(axes, mean), 1.0)), color="#555555", linewidth=0.7
        )
    return figure


def _share(axes: Axes, x: float) -> float:
    """How far along the axis a value is, in [0, 1]."""
    low, high = axes.get_xlim()
    return (x - low) / (high - low)
