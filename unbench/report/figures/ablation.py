"""What each hyper-parameter does: gap, noise floor and test accuracy over its values, a panel for each."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from unbench.analysis.board.formatting import shorten
from unbench.analysis.rows.noted import NotedTable
from unbench.analysis.rows.records import records
from unbench.analysis.rows.values import is_number, or_zero, present
from unbench.report.figures.layout import Row, gap_axis, new_figure, whiskers
from unbench.report.figures.style import Palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from unbench.analysis.board.ablations import Study

ACROSS = 4
LOG_SPAN = 30
"""Numbers whose largest is this many times the smallest, or more, get a log axis; others stand side by side."""

_MANY = 24
"""Characters of tick labels that fit side by side under a panel."""
_FLOOR: dict[str, Any] = {"color": "#555555", "marker": "_", "markersize": 13, "markeredgewidth": 1.4}


def ablation_data(study: Study) -> NotedTable:
    """Return one row per value of each hyper-parameter.

    Columns: method, hparam, value (text), x, log, ordered, default, gap, gap_std, floor, acc, acc_std. `x` is its place
    on the axis: the value itself where `log`, else its position among the others. `ordered` is true for numbers, which
    a line may connect.
    """
    import pandas as pd

    known: list[dict[str, Any]] = []
    left_out = []
    for ablation in study.ablations:
        shown = []
        for point in ablation.points:
            if present(point.row["avg_gap_mean"]) or present(point.row["test_acc_mean"]):
                shown.append(point)
            else:
                left_out.append(f"{ablation.hparam}={point.text}")
        ordered = all(is_number(point.value) for point in ablation.points)
        values = [point.value for point in shown]
        log = ordered and bool(values) and min(values) > 0 and max(values) >= LOG_SPAN * min(values)
        for place, point in enumerate(shown):
            known.append(
                {
                    "method": study.method,
                    "hparam": ablation.hparam,
                    "value": f"{point.value:g}" if ordered else point.text,
                    "x": float(point.value) if log else float(place),
                    "log": log,
                    "ordered": ordered,
                    "default": point.default,
                    "gap": point.row["avg_gap_mean"],
                    "gap_std": point.row["avg_gap_std"],
                    "floor": point.row["avg_gap_floor_mean"],
                    "acc": point.row["test_acc_mean"],
                    "acc_std": point.row["test_acc_std"],
                }
            )
    columns = ["method", "hparam", "value", "x", "log", "ordered", "default"]
    columns += ["gap", "gap_std", "floor", "acc", "acc_std"]
    notes = (f"Without a gap and an accuracy: {', '.join(left_out)}.",) if left_out else ()
    return NotedTable(pd.DataFrame(known, columns=columns), notes)


def draw_ablation(data: NotedTable, title: str, palette: Palette) -> Figure:
    """Draw two panels for each hyper-parameter, all on the same scales."""
    table = data.table
    names = list(dict.fromkeys(table["hparam"]))
    across = min(ACROSS, len(names))
    down = math.ceil(len(names) / across)
    said = "Diamonds: the default. Grey bars: the noise floor, the gap between two oracles of the same variant."
    if table["gap_std"].notna().any() or table["acc_std"].notna().any():
        said += " Whiskers: sample standard deviation over seeds."
    by_name = [records(table[table["hparam"] == name]) for name in names]
    # Room for the values below each pair of panels, which may be slanted.
    slanted = any(map(_is_wide, by_name))
    values = 0.75 if slanted else 0.25
    rows = [Row(0.27, 1.05), Row(0.1, 0.7), *[Row(0.27 + values, 1.05), Row(0.1, 0.7)] * (down - 1)]
    figure, panels = new_figure(title, [said, *data.notes], rows, across, below=values)
    tops = [panel for row in range(down) for panel in panels[2 * row * across : (2 * row + 1) * across]]
    bottoms = [panel for row in range(down) for panel in panels[(2 * row + 1) * across : (2 * row + 2) * across]]
    for panel in (*tops[len(names) :], *bottoms[len(names) :]):
        panel.remove()
    colour = palette.colour(str(table["method"].iloc[0]))
    for place, (name, points, top, bottom) in enumerate(zip(names, by_name, tops, bottoms, strict=False)):
        if place:
            top.sharey(tops[0])
            bottom.sharey(bottoms[0])
        top.set_title(shorten(name, 28 if across < ACROSS else 22), loc="left")
        _value_axis(top, points, named=False)
        _value_axis(bottom, points, named=True)
        _floors(top, points)
        _scores(top, points, "gap", colour)
        _scores(bottom, points, "acc", colour)
        for panel, what in ((top, "gap, points"), (bottom, "test acc., %")):
            panel.grid(axis="y")
            panel.tick_params(labelleft=place % across == 0)
            panel.set_ylabel(what if place % across == 0 else "")
    highest = (table["gap"] + table["gap_std"].fillna(0)).max()
    floor = table["floor"].max()
    gap_axis(tops[0], "y", or_zero(highest), or_zero(floor), label=False)
    return figure


def _texts(points: list[dict[str, Any]]) -> list[str]:
    return [shorten(point["value"], 14) for point in points]


def _is_wide(points: list[dict[str, Any]]) -> bool:
    """Return True if the values of a hyper-parameter do not fit side by side."""
    return sum(map(len, _texts(points))) > _MANY


def _value_axis(panel: Axes, points: list[dict[str, Any]], named: bool) -> None:
    """Put the values at their places; a margin on both sides keeps the outer ones off the frame."""
    places = [point["x"] for point in points]
    if points[0]["log"]:
        panel.set_xscale("log")
        margin = (places[-1] / places[0]) ** 0.08
        panel.set_xlim(places[0] / margin, places[-1] * margin)
    else:
        panel.set_xlim(-0.5, len(points) - 0.5)
    panel.set_xticks([], minor=True)
    panel.set_xticks(places, _texts(points) if named else [""] * len(points))
    if named:
        for label, point in zip(panel.get_xticklabels(), points, strict=True):
            label.set_fontweight("bold" if point["default"] else "normal")
            if _is_wide(points):
                label.set(ha="right", rotation=30, rotation_mode="anchor", fontsize=7)


def _floors(panel: Axes, points: list[dict[str, Any]]) -> None:
    """Draw the noise floor of each variant's own oracles as a short bar."""
    known = [point for point in points if present(point["floor"])]
    panel.plot(
        [point["x"] for point in known],
        [point["floor"] for point in known],
        linewidth=0.8,
        linestyle=(0, (1.5, 1.5)) if points[0]["ordered"] else "none",
        zorder=2,
        **_FLOOR,
    )


def _scores(panel: Axes, points: list[dict[str, Any]], name: str, colour: str) -> None:
    known = [point for point in points if present(point[name])]
    xs, ys = [point["x"] for point in known], [point[name] for point in known]
    if points[0]["ordered"]:
        panel.plot(xs, ys, color=colour, linewidth=1.0, zorder=3)
    whiskers(panel, xs, ys, [or_zero(point[f"{name}_std"]) for point in known], [colour] * len(known))
    for default in (False, True):
        alike = [point for point in known if bool(point["default"]) is default]
        panel.plot([p["x"] for p in alike], [p[name] for p in alike], zorder=5, **_look(default, colour))


def _look(default: bool, colour: str) -> dict[str, Any]:
    """Return a shape and fill that tell the default apart for eyes and printers without colour."""
    return {
        "linestyle": "none",
        "marker": "D" if default else "o",
        "markersize": 6.5 if default else 5,
        "markerfacecolor": colour if default else "white",
        "markeredgecolor": "black" if default else colour,
        "markeredgewidth": 1.0,
    }
