"""Gap to the oracle against the time that unlearning took, with the noise floor and the oracle's own time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from unbench.analysis.board.formatting import amount, points, shorten
from unbench.analysis.rows.noted import NotedTable, listing, noted
from unbench.analysis.rows.values import or_zero, present, records
from unbench.reporting.figures.labels import STEP, Label, label_points, text_width
from unbench.reporting.figures.layout import PanelRow, draw_key, gap_axis, key_height, new_figure, whiskers
from unbench.reporting.figures.style import DOTTED, Palette
from unbench.store.schema import Row

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from unbench.analysis.board.oracles import OracleGroup

OWNERS_WIDTH = 22
"""Letters of the names of those who share an oracle: a wider legend would squeeze the plot."""

_COLUMNS = {
    "label": "label",
    "method": "method",
    "seconds": "unlearn_seconds_mean",
    "gap": "avg_gap_mean",
    "gap_std": "avg_gap_std",
    "floor": "avg_gap_floor_mean",
    "oracle_seconds": "oracle_seconds_mean",
}
_DASHES = ((0, (5, 2)), (0, (1.5, 1.5)), (0, (5, 1.5, 1, 1.5)), (0, (9, 2)))
_INKS = ("#333333", "#A0A0A0")
"""Of lines: paler where the dashes come round again."""


def tradeoff_data(rows: pd.DataFrame, oracle_of: Mapping[str, OracleGroup]) -> NotedTable:
    """Return one row per leaderboard row: label, method, seconds, gap, gap_std, floor, oracle_seconds, oracle.

    `oracle` says whose oracle it is where a cell has several, and is empty where all rows share one.

    Args:
        rows: of one cell of the leaderboard.
        oracle_of: whose oracle each label of the cell has.
    """
    known: list[Row] = []
    left_out = []
    for row in records(rows):
        if present(row["avg_gap_mean"]) and present(row["unlearn_seconds_mean"]):
            whose = oracle_of[row["label"]].who if row["label"] in oracle_of else ""
            known.append({"oracle": whose, **{name: row[column] for name, column in _COLUMNS.items()}})
        else:
            left_out.append(str(row["label"]))
    return noted(known, " ".join([*_COLUMNS, "oracle"]), listing("Without a gap or a time", left_out))


def draw_tradeoff(data: NotedTable, title: str, palette: Palette) -> Figure:
    """Draw a point per row, best at the lower left."""
    rows = records(data.table)
    notes = data.notes
    if data.table["gap_std"].notna().any():
        notes = ("Whiskers: sample standard deviation of the gap over seeds.", *notes)
    floors = _by_value([(row["floor"], row["oracle"]) for row in rows], points)
    times = _by_value([(row["oracle_seconds"], row["oracle"]) for row in rows], amount)
    lines = len(floors) + len(times)
    names = [shorten(row["label"], 28) for row in rows]
    figure, (axes,) = new_figure(
        title,
        notes,
        [PanelRow(0.1, max(3.4, 1.15 * STEP * len(rows)))],
        left=0.5,
        right=0.25 + text_width(names),
        below=key_height(lines, 2),
    )
    xs = _time_axis(axes, rows)
    floor = max((row["floor"] for row in rows if present(row["floor"])), default=0.0)
    spread = [or_zero(row["gap_std"]) for row in rows]
    gaps = [row["gap"] for row in rows]
    gap_axis(axes, "y", max(map(sum, zip(gaps, spread, strict=True))), floor)
    _references(axes, floors, times)
    colours = [palette.colour(row["method"]) for row in rows]
    whiskers(axes, xs, gaps, spread, colours)
    for x, row, colour in zip(xs, rows, colours, strict=True):
        marker = palette.marker(row["method"])
        size = 9.5 if marker == "*" else 6.5
        rim: dict[str, Any] = {"markeredgecolor": "white", "markeredgewidth": 0.6, "zorder": 5}
        axes.plot(x, row["gap"], color=colour, marker=marker, markersize=size, linestyle="none", **rim)
    axes.grid(axis="y")
    label_points(axes, [Label(*point) for point in zip(xs, gaps, names, colours, strict=True)])
    return figure


def _time_axis(axes: Axes, rows: Sequence[Row]) -> list[float]:
    """Scale seconds by their logarithm, with a place of its own for 0, which has none; return the x of each row."""
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
    axes.xaxis.set_major_formatter(lambda x, _: "0" if instant and x == zero else f"{x:g}")
    minor = [step * 10.0**power for power in range(bottom, top) for step in range(2, 10)]
    axes.set_xticks(minor, [""] * len(minor), minor=True)
    axes.set_xlabel("unlearning time, seconds (log scale)")
    if instant:
        axes.axvline(10.0 ** (bottom - 0.12 * span), **DOTTED)
    return [row["seconds"] if row["seconds"] > 0 else zero for row in rows]


def _references(axes: Axes, floors: list[tuple[float, str]], times: list[tuple[float, str]]) -> None:
    """Draw the noise floor, with a band below it, and the oracle's training time: a line per oracle."""
    if floors:
        # Only as high as the lowest floor: a band up to another's would call a method noise that is not.
        axes.axhspan(0, min(floor for floor, _ in floors), color="#EFEFEF", zorder=0)
    texts = [f"noise floor{who}: {points(floor)} points" for floor, who in floors]
    entries = _lines(axes.hlines, axes.get_yaxis_transform(), floors, texts, 0.9)
    texts = [f"training the oracle{who}: {amount(time)} s" for time, who in times]
    entries += _lines(axes.vlines, axes.get_xaxis_transform(), times, texts, 1.1)
    draw_key(axes, "below", entries, columns=2)


def _lines(
    draw: Callable[..., object], transform: Any, values: list[tuple[float, str]], texts: list[str], width: float
) -> list[tuple[str, dict[str, Any]]]:
    """Draw lines across the axes, all at once; return their entries of the key."""
    rounds = [divmod(number, len(_DASHES)) for number in range(len(values))]
    looks = [
        {"linestyle": _DASHES[dash], "color": _INKS[turn % len(_INKS)], "linewidth": width} for turn, dash in rounds
    ]
    together: dict[str, Any] = {f"{name}s": [look[name] for look in looks] for name in ("linestyle", "color")}
    draw([value for value, _ in values], 0, 1, transform=transform, linewidths=width, **together)
    return list(zip(texts, looks, strict=True))


def _by_value(pairs: list[tuple[Any, str]], show: Callable[[Any], str]) -> list[tuple[float, str]]:
    """Return distinct values with whose they are; nobody's name where all are alike to the digits shown."""
    owners: dict[str, tuple[float, list[str]]] = {}
    for value, who in pairs:
        if present(value):
            owners.setdefault(show(value), (value, []))[1].append(who)
    named = []
    for value, everyone in owners.values():
        names = ", ".join(who for who in dict.fromkeys(everyone) if who)
        named.append((float(value), f" of {shorten(names, OWNERS_WIDTH)}" if names and len(owners) > 1 else ""))
    return named
