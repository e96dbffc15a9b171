"""Gap to the oracle against the time that unlearning took, with the noise floor and the oracle's own time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter

from unbench.analysis.board.formatting import amount, points, shorten
from unbench.analysis.rows.records import records
from unbench.analysis.rows.values import or_zero, present
from unbench.report.figures.gap_axis import gap_axis
from unbench.report.figures.place import Anchor, place_labels
from unbench.report.figures.style import DOTTED, Palette, PlotData, new_figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from unbench.analysis.board.oracles import OracleGroup

OWNERS_WIDTH = 22
"""Letters of the names of those who share an oracle: a wider legend would squeeze the plot."""

_DASHES = ((0, (5, 2)), (0, (1.5, 1.5)), (0, (5, 1.5, 1, 1.5)), (0, (9, 2)))
_INKS = ("#333333", "#A0A0A0")
"""Of lines: paler where the dashes come round again."""


def tradeoff_data(rows: pd.DataFrame, oracle_of: Mapping[str, OracleGroup]) -> PlotData:
    """One row per leaderboard row: label, method, seconds, gap, gap_std, floor, oracle_seconds, oracle.

    `oracle` says whose oracle it is where a cell has several, and is empty where all rows share one.

    Args:
        rows: of one cell of the leaderboard.
        oracle_of: whose oracle each label of the cell has.
    """
    import pandas as pd

    known: list[dict[str, Any]] = []
    left_out = []
    for row in records(rows):
        if not (present(row["avg_gap_mean"]) and present(row["unlearn_seconds_mean"])):
            left_out.append(str(row["label"]))
            continue
        known.append(
            {
                "label": row["label"],
                "method": row["method"],
                "seconds": row["unlearn_seconds_mean"],
                "gap": row["avg_gap_mean"],
                "gap_std": row["avg_gap_std"],
                "floor": row["avg_gap_floor_mean"],
                "oracle_seconds": row["oracle_seconds_mean"],
                "oracle": oracle_of[row["label"]].who if row["label"] in oracle_of else "",
            }
        )
    columns = ["label", "method", "seconds", "gap", "gap_std", "floor", "oracle_seconds", "oracle"]
    notes = (f"Without a gap or a time: {', '.join(left_out)}.",) if left_out else ()
    return PlotData(pd.DataFrame(known, columns=columns), notes)


def draw_tradeoff(data: PlotData, title: str, palette: Palette) -> Figure:
    """A point per row, best at the lower left."""
    rows = records(data.table)
    notes = data.notes
    if data.table["gap_std"].notna().any():
        notes = ("Whiskers: sample standard deviation of the gap over seeds.", *notes)
    figure = new_figure(4.3 + 0.1 * max(0, len(rows) - 10), title, notes)  # many rows need room for their labels
    axes = figure.subplots()
    places = _time_axis(axes, rows)
    floor = max((row["floor"] for row in rows if present(row["floor"])), default=0.0)
    largest = max(row["gap"] + or_zero(row["gap_std"]) for row in rows)
    gap_axis(axes, "y", largest, floor)
    _references(axes, rows)
    anchors = []
    for row, x in zip(rows, places, strict=True):
        colour, marker = palette.colour(row["method"]), palette.marker(row["method"])
        spread = or_zero(row["gap_std"])
        if spread > 0:
            axes.errorbar(x, row["gap"], yerr=spread, color=colour, linewidth=0.9, capsize=2, zorder=4)
        size = 90 if marker == "*" else 42
        axes.scatter(x, row["gap"], s=size, c=colour, marker=marker, edgecolors="white", linewidths=0.6, zorder=5)
        anchors.append(Anchor(x, row["gap"], shorten(row["label"], 40), colour, spread))
    axes.grid(axis="y")
    place_labels(figure, axes, anchors)
    return figure


def _time_axis(axes: Axes, rows: list[dict[str, Any]]) -> list[float]:
    """Seconds on a log scale, with a place of its own for 0, which no log scale has; the x of each row."""
    times = [row["seconds"] for row in rows] + [row["oracle_seconds"] for row in rows]
    positive = [time for time in times if present(time) and time > 0]
    bottom = math.floor(math.log10(min(positive, default=0.1)))
    top = max(math.ceil(math.log10(max(positive, default=1.0))), bottom + 1)
    instant = any(row["seconds"] <= 0 for row in rows)
    span = (top - bottom) / 7
    zero = 10.0 ** (bottom - 0.7 * span)
    axes.set_xscale("log")
    axes.set_xlim(10.0 ** (bottom - (1.2 * span if instant else 0.15)), 10.0 ** (top + 0.15))
    axes.set_xticks([zero] * instant + [10.0**power for power in range(bottom, top + 1)])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: "0" if instant and x == zero else f"{x:g}"))
    minor = [step * 10.0**power for power in range(bottom, top) for step in range(2, 10)]
    axes.xaxis.set_minor_locator(FixedLocator(minor))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("unlearning time, seconds (log scale)")
    if instant:
        axes.axvline(10.0 ** (bottom - 0.12 * span), **DOTTED)
    return [row["seconds"] if row["seconds"] > 0 else zero for row in rows]


def _references(axes: Axes, rows: list[dict[str, Any]]) -> None:
    """The noise floor, with a band below it, and the oracle's training time: a line per oracle."""
    floors = _by_value([(row["floor"], row["oracle"]) for row in rows], points)
    times = _by_value([(row["oracle_seconds"], row["oracle"]) for row in rows], amount)
    if floors:
        # Only as high as the lowest floor: a band up to another's would call a method noise that is not.
        axes.axhspan(0, min(floor for floor, _ in floors), color="#EFEFEF", zorder=0)
    handles: list[Line2D] = []
    for number, (floor, who) in enumerate(floors):
        line = axes.axhline(floor, linewidth=0.9, **_line(number))
        line.set_label(f"noise floor{who}: {points(floor)} points")
        handles.append(line)
    for number, (time, who) in enumerate(times):
        line = axes.axvline(time, linewidth=1.1, **_line(number))
        line.set_label(f"training the oracle{who}: {amount(time)} s")
        handles.append(line)
    if handles:
        axes.legend(
            handles=handles,
            loc="upper left",
            bbox_to_anchor=(-0.02, -0.13),
            ncols=2 if len(handles) > 2 or len(floors) == len(times) == 1 else 1,
            fontsize=7,
            handlelength=2.8,
            borderpad=0,
        )


def _line(number: int) -> dict[str, Any]:
    rounds, dashes = divmod(number, len(_DASHES))
    return {"linestyle": _DASHES[dashes], "color": _INKS[rounds % len(_INKS)]}


def _by_value(pairs: list[tuple[Any, str]], show: Callable[[Any], str]) -> list[tuple[float, str]]:
    """Distinct values with whose they are; nobody's name where all are alike to the digits shown."""
    owners: dict[str, tuple[float, list[str]]] = {}
    for value, who in pairs:
        if present(value):
            owners.setdefault(show(value), (value, []))[1].append(who)
    named = []
    for value, everyone in owners.values():
        names = ", ".join(who for who in dict.fromkeys(everyone) if who)
        named.append((float(value), f" of {shorten(names, OWNERS_WIDTH)}" if names and len(owners) > 1 else ""))
    return named
