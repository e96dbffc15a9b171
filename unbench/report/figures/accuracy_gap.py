"""Test accuracy against gap over all variants of a method: what closeness to the oracle costs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D

from unbench.analysis.board.formatting import points, shorten
from unbench.analysis.rows.records import records
from unbench.analysis.rows.values import or_zero, present
from unbench.report.figures.gap_axis import gap_axis
from unbench.report.figures.place import Anchor, place_labels
from unbench.report.figures.style import FAINT, Palette, PlotData, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from unbench.analysis.board.ablations import Study

MARGIN = 1.5
"""A second line, at this many floors: near the noise, though not in it."""


def accuracy_gap_data(study: Study) -> PlotData:
    """One row per variant: method, label, gap, gap_std, floor, acc, acc_std, default, front.

    `front`: no other variant has both a gap as small and an accuracy as high, one of the two better.
    """
    import pandas as pd

    known: list[dict[str, Any]] = []
    left_out = []
    for row in study.rows:
        label = study.difference(row)
        if not (present(row["avg_gap_mean"]) and present(row["test_acc_mean"])):
            left_out.append(label)
            continue
        known.append(
            {
                "method": study.method,
                "label": label,
                "gap": row["avg_gap_mean"],
                "gap_std": row["avg_gap_std"],
                "floor": row["avg_gap_floor_mean"],
                "acc": row["test_acc_mean"],
                "acc_std": row["test_acc_std"],
                "default": row is study.default,
            }
        )
    front = pareto([(variant["gap"], variant["acc"]) for variant in known])
    columns = ["method", "label", "gap", "gap_std", "floor", "acc", "acc_std", "default"]
    notes = (f"Without a gap or an accuracy: {'; '.join(left_out)}.",) if left_out else ()
    return PlotData(pd.DataFrame(known, columns=columns).assign(front=front), notes)


def pareto(pairs: Sequence[tuple[float, float]]) -> list[bool]:
    """For each (gap, accuracy) whether none of the others is at least as good in both and better in one.

    >>> pareto([(1.0, 70.0), (2.0, 80.0), (2.0, 75.0), (3.0, 80.0)])
    [True, True, False, False]
    """
    return [not any(g <= gap and a >= acc and (g, a) != (gap, acc) for g, a in pairs) for gap, acc in pairs]


def draw_accuracy_gap(data: PlotData, title: str, palette: Palette) -> Figure:
    """A point per variant, best at the upper left."""
    rows = records(data.table)
    notes = data.notes
    if data.table["gap_std"].notna().any():
        notes = ("Whiskers: sample standard deviation over seeds.", *notes)
    figure = new_figure(4.3, title, notes)
    axes = figure.subplots()
    colour = palette.colour(rows[0]["method"])
    floor, whose = _floor(rows)
    gap_axis(axes, "x", max(r["gap"] + or_zero(r["gap_std"]) for r in rows), floor)
    axes.set_ylabel("test accuracy, %")
    axes.grid(axis="y")
    handles = _floor_lines(axes, floor, whose)
    front = sorted((row["gap"], row["acc"]) for row in rows if row["front"])
    # A staircase, since between two variants nothing is known; no Line2D, whose box labels would avoid as a whole.
    steps = [corner for (x, y), (to, top) in pairwise(front) for corner in ((x, y), (to, y), (to, top))]
    if steps:
        axes.add_collection(LineCollection([steps], colors=colour, linewidths=0.9, zorder=2))
    anchors = []
    for row in rows:
        _point(axes, row, colour)
        if row["front"] or row["default"]:
            spread = or_zero(row["acc_std"])
            anchors.append(Anchor(row["gap"], row["acc"], shorten(row["label"], 40), colour, spread))
    handles += [
        Line2D([], [], label="default", **_look(True, True, colour)),
        Line2D([], [], label="no variant is better in both", **_look(False, True, colour)),
        Line2D([], [], label="other variants", **_look(False, False, colour)),
    ]
    axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(-0.02, -0.13), ncols=3, fontsize=7, borderpad=0)
    place_labels(figure, axes, anchors)
    return figure


def _floor(rows: Sequence[dict[str, Any]]) -> tuple[float, str]:
    """The default's noise floor, else the lowest, since a higher one would call noise what may not be; and its name."""
    for row in rows:
        if row["default"] and present(row["floor"]):
            return float(row["floor"]), "noise floor of the default"
    return min((float(row["floor"]) for row in rows if present(row["floor"])), default=0.0), "lowest noise floor"


def _floor_lines(axes: Axes, floor: float, name: str) -> list[Line2D]:
    if not floor:
        return []
    axes.axvspan(0, floor, color="#EFEFEF", zorder=0)
    looks = (((0, (5, 2)), f"{name}: {points(floor)} points"), ((0, (1.5, 1.5)), f"{MARGIN:g} × this floor"))
    return [
        axes.axvline(times * floor, color="#555555", linewidth=0.9 / times, linestyle=dashes, label=text)
        for times, (dashes, text) in zip((1.0, MARGIN), looks, strict=True)
    ]


def _point(axes: Axes, row: dict[str, Any], colour: str) -> None:
    spreads = [or_zero(row[f"{name}_std"]) for name in ("gap", "acc")]
    if any(spreads):
        faint: dict[str, Any] = {"color": FAINT, "linewidth": 0.7, "zorder": 1.5}
        axes.errorbar(row["gap"], row["acc"], xerr=spreads[0], yerr=spreads[1], **faint)
    axes.plot(
        row["gap"],
        row["acc"],
        zorder=5 if row["front"] or row["default"] else 4,
        **_look(row["default"], row["front"], colour),
    )


def _look(default: bool, front: bool, colour: str) -> dict[str, Any]:
    return {
        "linestyle": "none",
        "marker": "D" if default else "o",
        "markersize": 7 if default else 5.5,
        "markerfacecolor": colour if default or front else "white",
        "markeredgecolor": "black" if default else colour,
        "markeredgewidth": 1.0,
    }
