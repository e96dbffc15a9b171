"""Gap to the oracle against the time that unlearning took, with the noise floor and the oracle's own time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from unbench.analysis.board.formatting import amount, points, shorten
from unbench.analysis.rows.noted import NotedTable, listing, noted
from unbench.analysis.rows.values import or_zero, present, records
from unbench.reporting.figures.style import (
    Palette,
    draw_key,
    draw_levels,
    gap_axis,
    label_points,
    log_axis,
    point_figure,
)
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
    table = data.table.astype(dict.fromkeys(("seconds", "gap", "gap_std", "floor", "oracle_seconds"), float))
    floors = dict(_levels(table, "floor", points, "noise floor", "points"))
    times = dict(_levels(table, "oracle_seconds", amount, "training the oracle", "s"))
    texts = [shorten(label, 28) for label in table["label"]]
    colours = [palette.colour(method) for method in table["method"]]
    figure, axes = point_figure(data, title, texts, max(len(floors), len(times)))
    _time_axis(axes, table)
    gap_axis(axes, "y", (table["gap"] + table["gap_std"].fillna(0)).max(), or_zero(table["floor"].max()))
    if floors:
        # Only as high as the lowest floor: a band up to another's would call a method noise that is not.
        axes.axhspan(0, table["floor"].min(), color="#EFEFEF", zorder=0)
    entries = [*draw_levels(axes, "y", floors), *draw_levels(axes, "x", times)]
    whiskers: dict[str, Any] = {"fmt": "none", "ecolor": colours, "elinewidth": 0.9, "zorder": 3}
    axes.errorbar(table["seconds"], table["gap"], table["gap_std"], **whiskers)
    for x, y, method, colour in zip(table["seconds"], table["gap"], table["method"], colours, strict=True):
        marker = palette.marker(method)
        look: dict[str, Any] = {"marker": marker, "color": colour, "markersize": 9.5 if marker == "*" else 6.5}
        axes.plot(x, y, linestyle="none", markeredgecolor="white", markeredgewidth=0.6, zorder=5, **look)
    axes.grid(axis="y")
    if entries:
        draw_key(axes, entries, 2, lift=0.08)
    label_points(axes, table[["seconds", "gap"]].to_numpy(), texts, colours)
    return figure


def _time_axis(axes: Axes, table: pd.DataFrame) -> None:
    """Scale seconds by their logarithm, from 0 if a method takes no time."""
    times = [time for name in ("seconds", "oracle_seconds") for time in table[name] if present(time) and time > 0]
    low = 10.0 ** math.floor(math.log10(min(times, default=0.1)))
    high = max(10.0 ** math.ceil(math.log10(max(times, default=1.0))), 10 * low)
    log_axis(axes, "x", low, 1.4 * high, zero=bool((table["seconds"] <= 0).any()))
    axes.set_xlabel("unlearning time, seconds (log scale)")


def _levels(
    table: pd.DataFrame, column: str, show: Callable[[float], str], name: str, unit: str
) -> Iterator[tuple[float, str]]:
    """Yield distinct values with words for the key; nobody's name where all are alike to the digits shown."""
    known = table[table[column].notna()]
    groups = list(known.groupby(known[column].map(show), sort=False))
    for shown, rows in groups:
        who = ", ".join(filter(None, rows["oracle"].unique()))
        whose = f" of {shorten(who, OWNERS_WIDTH)}" if who and len(groups) > 1 else ""
        yield float(rows[column].iloc[0]), f"{name}{whose}: {shown} {unit}"
