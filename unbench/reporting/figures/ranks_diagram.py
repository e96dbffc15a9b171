"""The critical-difference diagram of Demšar (2006): mean ranks on one axis, bars over what is not told apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from unbench.analysis.board.formatting import shorten
from unbench.analysis.rows.noted import NotedTable
from unbench.reporting.figures.style import new_figure, text_width

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from unbench.analysis.board.ranks import CriticalDifference

_STEP = 0.2
"""Inches between two names, and between two bars."""


def critical_data(tested: CriticalDifference) -> NotedTable:
    """Return one row per method, best first: method, mean_rank, bars, cells, p_value, critical_difference.

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
    return NotedTable(pd.DataFrame(known))


def draw_critical_difference(data: NotedTable, title: str) -> Figure:
    """Write names of the better half on the left, of the others on the right, best at the top."""
    from unbench.analysis.board.ranks import ALPHA

    table = data.table
    names, means = list(table["method"]), [float(mean) for mean in table["mean_rank"]]
    p_value, needed = float(table["p_value"].iloc[0]), float(table["critical_difference"].iloc[0])
    joined = table.assign(bar=table["bars"].str.split()).explode("bar").groupby("bar")["mean_rank"]
    bars = joined.agg(["min", "max"]).sort_index(key=lambda numbers: numbers.astype(int))
    half = (len(names) + 1) // 2
    note = f"Friedman's test over {table['cells'].iloc[0]} cells: p = {p_value:.2g}. "
    note += "Bars join methods whose mean ranks are within the critical difference (CD, Nemenyi)."
    if p_value >= ALPHA:
        note += f" Not below {ALPHA:g}: no method is told from another."
    rows = 2.5 + len(bars) + half
    texts = [f"{shorten(name, 30)}  {mean:.2f}" for name, mean in zip(names, means, strict=True)]
    margins = (0.15 + text_width(texts[:half]), max(0.75, 0.15 + text_width(texts[half:])), 0.1, 0.0)
    figure, (axes,) = new_figure(title, [note], _STEP * (rows + 1.8), margins=margins)
    ends = (1 - 0.02 * len(names), len(names) * 1.02)
    axes.set(xlim=ends, ylim=(rows, -1.8), xticks=range(1, len(names) + 1), yticks=[])
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.spines["top"].set_visible(True)
    axes.spines["top"].set_position(("data", 0))
    axes.xaxis.tick_top()
    beside: dict[str, Any] = {"textcoords": "offset points", "va": "center"}
    if p_value < ALPHA:
        end = min(1 + needed, float(len(names)))
        axes.plot([1, end], [-1.3, -1.3], color="black", linewidth=1.2, marker="|", markersize=5, clip_on=False)
        axes.annotate(f"CD = {needed:.2f}", (end, -1.3), xytext=(6, 0), fontsize=7, **beside)
    axes.hlines([0.8 + n for n in range(len(bars))], bars["min"], bars["max"], color="black", linewidth=3.2)
    for number, (text, mean) in enumerate(zip(texts, means, strict=True)):
        better = number < half
        y = 1.3 + len(bars) + (number if better else len(names) - 1 - number)
        edge, align, shift = (ends[0], "right", -4) if better else (ends[1], "left", 4)
        axes.plot([mean, mean, edge], [0, y, y], color="#555555", linewidth=0.7)
        axes.annotate(text, (edge, y), xytext=(shift, 0), ha=align, fontsize=7.5, **beside)
    return figure
