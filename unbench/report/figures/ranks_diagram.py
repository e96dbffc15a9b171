"""The critical-difference diagram of Demšar (2006): mean ranks on one axis, bars over what is not told apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from unbench.analysis.board.critical import ALPHA, CriticalDifference
from unbench.analysis.board.formatting import shorten
from unbench.report.figures.style import PlotData, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_STEP = 0.2
"""Inches between two names, and between two bars."""


def critical_data(tested: CriticalDifference) -> PlotData:
    """One row per method, best first: method, mean_rank, bars, cells, p_value, critical_difference.

    `bars` are the numbers of the bars that join it with others, from 1 and the top, separated by spaces.
    """
    import pandas as pd

    known = [
        {
            "method": name,
            "mean_rank": mean,
            "bars": " ".join(str(n) for n, (first, last) in enumerate(tested.groups, 1) if first <= place <= last),
            "cells": tested.cells,
            "p_value": tested.p_value,
            "critical_difference": tested.difference,
        }
        for place, (name, mean) in enumerate(zip(tested.names, tested.means, strict=True))
    ]
    return PlotData(pd.DataFrame(known))


def draw_critical_difference(data: PlotData, title: str) -> Figure:
    """Names of the better half on the left, of the others on the right, best at the top."""
    table = data.table
    names, means = list(table["method"]), [float(mean) for mean in table["mean_rank"]]
    p_value, needed = float(table["p_value"].iloc[0]), float(table["critical_difference"].iloc[0])
    bars = _bars(list(table["bars"]))
    half = (len(names) + 1) // 2
    told = p_value < ALPHA
    note = f"Friedman's test over {table['cells'].iloc[0]} cells: p = {p_value:.2g}. "
    note += "Bars join methods whose mean ranks are within the critical difference (CD, Nemenyi)."
    if not told:
        note += f" Not below {ALPHA:g}: no method is told from another."
    rows = 2.5 + len(bars) + half
    figure = new_figure(0.7 + _STEP * rows, title, [note])
    axes = figure.subplots()
    axes.set_xlim(1 - 0.02 * len(names), len(names) * 1.02)
    axes.set_ylim(rows, -1.8)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    axes.spines["top"].set_visible(True)
    axes.spines["top"].set_position(("data", 0))
    axes.xaxis.tick_top()
    axes.set_yticks([])
    axes.set_xticks(range(1, len(names) + 1))
    if told:
        end = min(1 + needed, float(len(names)))
        axes.plot([1, end], [-1.3, -1.3], color="black", linewidth=1.2, marker="|", markersize=5, clip_on=False)
        axes.annotate(
            f"CD = {needed:.2f}",
            (end, -1.3),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=7,
        )
    for number, (first, last) in enumerate(bars):
        y = 0.8 + number
        axes.plot([means[first], means[last]], [y, y], color="black", linewidth=3.2, solid_capstyle="butt")
    for number, (name, mean) in enumerate(zip(names, means, strict=True)):
        left = number < half
        y = 1.3 + len(bars) + (number if left else len(names) - 1 - number)
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


def _bars(members: Sequence[str]) -> list[tuple[int, int]]:
    """First and last position of the methods of each bar."""
    places: dict[int, list[int]] = {}
    for place, numbers in enumerate(members):
        for number in numbers.split():
            places.setdefault(int(number), []).append(place)
    return [(places[number][0], places[number][-1]) for number in sorted(places)]


def _share(axes: Axes, x: float) -> float:
    """How far along the axis a value is, in [0, 1]."""
    low, high = axes.get_xlim()
    return (x - low) / (high - low)
