"""Gap to the oracle against the time that unlearning took, with the noise floor and the oracle's own time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from unbench.report.formatting import amount, present, shorten
from unbench.report.oracles import oracle_groups
from unbench.report.plots.place import place_labels
from unbench.report.plots.style import FAINT, Palette, PlotData, new_figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def tradeoff_data(rows: pd.DataFrame) -> PlotData:
    """One row per leaderboard row: label, method, seconds, gap, gap_std, floor, oracle_seconds, oracle.

    `oracle` says whose oracle it is where a cell has several, and is empty where all rows share one.

    Args:
        rows: of one cell of the leaderboard.
    """
    import pandas as pd

    whose = {label: group.who for group in oracle_groups(rows) for label in group.labels}
    records, left_out = [], []
    for row in rows.to_dict("records"):
        if not (present(row["avg_gap_mean"]) and present(row["unlearn_seconds_mean"])):
            left_out.append(str(row["label"]))
            continue
        records.append(
            {
                "label": row["label"],
                "method": row["method"],
                "seconds": row["unlearn_seconds_mean"],
                "gap": row["avg_gap_mean"],
                "gap_std": row["avg_gap_std"],
                "floor": row["avg_gap_floor_mean"],
                "oracle_seconds": row["oracle_seconds_mean"],
                "oracle": whose.get(row["label"], ""),
            }
        )
    columns = ["label", "method", "seconds", "gap", "gap_std", "floor", "oracle_seconds", "oracle"]
    notes = (f"Without a gap or a time: {', '.join(left_out)}.",) if left_out else ()
    return PlotData(pd.DataFrame(records, columns=columns), notes)


def draw_tradeoff(data: PlotData, title: str, palette: Palette) -> Figure | None:
    """A point per row, best at the lower left; None if there is nothing to draw."""
    if data.table.empty:
        return None
    points: list[dict[str, Any]] = [{str(k): v for k, v in record.items()} for record in data.table.to_dict("records")]
    figure = new_figure(4.3, title, data.notes)
    axes = figure.subplots()
    _scales(axes, points)
    _references(axes, points)
    anchors = []
    for point in points:
        x, y = point["x"], point["gap"]
        colour, marker = palette.colour(point["method"]), palette.marker(point["method"])
        if present(point["gap_std"]):
            axes.errorbar(x, y, yerr=point["gap_std"], color=colour, linewidth=0.9, capsize=2, zorder=4)
        size = 90 if marker == "*" else 42
        axes.scatter(x, y, s=size, c=colour, marker=marker, edgecolors="white", linewidths=0.6, zorder=5)
        anchors.append((x, y, shorten(point["label"], 40), colour))
    axes.set_xlabel("unlearning time, seconds (log scale)")
    axes.set_ylabel(
        "Average Gap to the oracle, points" + (" (log above the floor)" if axes.get_yscale() == "symlog" else "")
    )
    axes.grid(axis="y")
    place_labels(figure, axes, anchors)
    return figure


def _scales(axes: Axes, points: list[dict[str, Any]]) -> None:
    """Log seconds with a place of its own for 0; gaps log above the floor where one dwarfs the rest."""
    times = [p["seconds"] for p in points] + [p["oracle_seconds"] for p in points]
    positive = [t for t in times if present(t) and t > 0]
    low, high = (min(positive), max(positive)) if positive else (0.1, 1.0)
    bottom, top = math.floor(math.log10(low)), math.ceil(math.log10(high))
    top = max(top, bottom + 1)
    zero = 10.0 ** (bottom - 0.6)
    has_zero = any(p["seconds"] <= 0 for p in points)
    for point in points:
        point["x"] = point["seconds"] if point["seconds"] > 0 else zero
    axes.set_xscale("log")
    axes.set_xlim(10.0 ** (bottom - (1.0 if has_zero else 0.15)), 10.0 ** (top + 0.15))
    ticks = [10.0**power for power in range(bottom, top + 1)]
    axes.set_xticks(([zero] if has_zero else []) + ticks)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: "0" if has_zero and x == zero else f"{x:g}"))
    axes.xaxis.set_minor_locator(LogLocator(subs=tuple(range(2, 10))))
    axes.xaxis.set_minor_formatter(NullFormatter())
    if has_zero:
        axes.axvline(10.0 ** (bottom - 0.25), color=FAINT, linewidth=0.8, linestyle=(0, (1, 2)))
    floors = [p["floor"] for p in points if present(p["floor"]) and p["floor"] > 0]
    largest = max(p["gap"] + (p["gap_std"] if present(p["gap_std"]) else 0) for p in points)
    if floors and largest > 12 * max(floors):
        axes.set_yscale("symlog", linthresh=max(floors), linscale=0.6)
        steps = [step * 10.0**power for power in range(-2, 3) for step in (1, 2, 5)]
        axes.set_yticks([0.0, *(s for s in steps if max(floors) * 0.99 <= s <= largest * 1.3)])
        axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
        axes.minorticks_off()
        axes.set_ylim(-0.12 * max(floors), largest * 1.5)
    else:
        tallest = max([largest, *floors, 0.1])
        axes.set_ylim(-0.05 * tallest, 1.15 * tallest)


def _references(axes: Axes, points: list[dict[str, Any]]) -> None:
    """The noise floor as a band or, where oracles differ, lines; the oracle's training time as lines."""
    floors = {p["oracle"]: p["floor"] for p in points if present(p["floor"])}
    times = {p["oracle"]: p["oracle_seconds"] for p in points if present(p["oracle_seconds"])}
    styles = ((0, (5, 2)), (0, (1.5, 1.5)), (0, (5, 1.5, 1, 1.5)))
    order = list(dict.fromkeys(p["oracle"] for p in points))
    if floors:
        axes.axhspan(0, max(floors.values()), color="#EFEFEF", zorder=0)
    handles = []
    for number, who in enumerate(order):
        name = f" of {shorten(who, 44)}" if who else ""
        line = styles[number % len(styles)]
        if who in floors and present(floors[who]):
            text = f"noise floor{name}: {floors[who]:.2f} points"
            handles.append(axes.axhline(floors[who], color="#555555", linewidth=0.9, linestyle=line, label=text))
        if who in times:
            text = f"training the oracle{name}: {amount(times[who])} s"
            handles.append(axes.axvline(times[who], color="black", linewidth=1.1, linestyle=line, label=text))
    if handles:
        axes.figure.legend(handles=handles, loc="outside lower left", ncols=2, fontsize=7, handlelength=2.8)
