"""Variants of one method: gap and test accuracy over the values of each hyper-parameter, and against each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from unbench.analysis.board.formatting import points, shorten
from unbench.analysis.rows.noted import NotedTable, listing, noted
from unbench.analysis.rows.values import is_number, or_zero, present
from unbench.reporting.figures.style import (
    FAINT,
    Entry,
    Palette,
    draw_key,
    draw_levels,
    gap_axis,
    label_points,
    new_figure,
    point_figure,
)
from unbench.store.schema import Row

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from unbench.analysis.board.ablations import AblationStudy

LOG_SPAN = 30
"""Numbers whose largest is this many times the smallest, or more, get a log axis; others stand side by side."""

MARGIN = 1.5
"""A second line, at this many floors: near the noise, though not in it."""

_COLUMNS = {
    "gap": "avg_gap_mean",
    "gap_std": "avg_gap_std",
    "floor": "avg_gap_floor_mean",
    "acc": "test_acc_mean",
    "acc_std": "test_acc_std",
}
_MANY = 46
"""Most characters that the values under a panel may have in all to fit side by side."""


def ablation_data(study: AblationStudy) -> NotedTable:
    """Return one row per value of each hyper-parameter.

    Columns: method, hparam, value (text), x, log, ordered, default, gap, gap_std, floor, acc, acc_std. `x` is its place
    on the axis: the value itself where `log`, else its position among the others. `ordered` is true for numbers, which
    a line may connect.
    """
    known: list[Row] = []
    left_out = []
    for ablation in study.ablations:
        shown = [point for point in ablation.points if any(_scored(point.row))]
        left_out += [f"{ablation.hparam}={point.text}" for point in ablation.points if not any(_scored(point.row))]
        ordered = all(is_number(point.value) for point in ablation.points)
        values = [point.value for point in shown]
        log = ordered and bool(values) and min(values) > 0 and max(values) >= LOG_SPAN * min(values)
        about = {"method": study.method, "hparam": ablation.hparam, "log": log, "ordered": ordered}
        for place, point in enumerate(shown):
            value = f"{point.value:g}" if ordered else point.text
            x = float(point.value) if log else float(place)
            known.append({**about, "value": value, "x": x, "default": point.default, **_numbers(point.row)})
    columns = "method hparam value x log ordered default gap gap_std floor acc acc_std"
    return noted(known, columns, listing("Without a gap and an accuracy", left_out))


def accuracy_gap_data(study: AblationStudy) -> NotedTable:
    """Return one row per variant: method, label, gap, gap_std, floor, acc, acc_std, default, front.

    `front`: no other variant has both a gap as small and an accuracy as high, one of the two better.
    """
    rows = [row for row in study.rows if all(_scored(row))]
    front = pareto([(row["avg_gap_mean"], row["test_acc_mean"]) for row in rows])
    known = [
        {
            "method": study.method,
            "label": study.difference(row),
            **_numbers(row),
            "default": row is study.default,
            "front": best,
        }
        for row, best in zip(rows, front, strict=True)
    ]
    left_out = [study.difference(row) for row in study.rows if not all(_scored(row))]
    columns = "method label gap gap_std floor acc acc_std default front"
    return noted(known, columns, listing("Without a gap or an accuracy", left_out, "; "))


def pareto(pairs: Sequence[tuple[float, float]]) -> list[bool]:
    """Return for each (gap, accuracy) whether none of the others is at least as good in both and better in one.

    >>> pareto([(1.0, 70.0), (2.0, 80.0), (2.0, 75.0), (3.0, 80.0)])
    [True, True, False, False]
    """
    return [not any(g <= gap and a >= acc and (g, a) != (gap, acc) for g, a in pairs) for gap, acc in pairs]


def _scored(row: Row) -> tuple[bool, bool]:
    return present(row["avg_gap_mean"]), present(row["test_acc_mean"])


def _numbers(row: Row) -> Row:
    return {name: row[column] for name, column in _COLUMNS.items()}


def draw_ablation(data: NotedTable, title: str, palette: Palette) -> Figure:
    """Draw two panels for each hyper-parameter, all on the same scales."""
    table = data.table.astype(dict.fromkeys(_COLUMNS, float))
    said = "Diamonds: the default. Grey bars: the noise floor, the gap between two oracles of the same variant."
    if table[["gap_std", "acc_std"]].notna().any(axis=None):
        said += " Whiskers: sample standard deviation over seeds."
    parts = list(table.groupby("hparam", sort=False))
    figure, panels = new_figure(
        title,
        [said, *data.notes],
        0.75,
        (len(parts), 2),
        margins=(0.5, 0.1, 0.25, 0.3),
        between=(0.55, 0.55),
        share=("row", "col"),
    )
    gap_axis(panels[0], "y", (table["gap"] + table["gap_std"].fillna(0)).max(), table["floor"].fillna(0).max())
    for number, (name, rows) in enumerate(parts):
        left, right = panels[2 * number : 2 * number + 2]
        left.set_title(shorten(str(name), 60))
        floors: dict[str, Any] = {"linestyle": (0, (1.5, 1.5)) if rows["ordered"].all() else "none", "linewidth": 0.8}
        left.plot(rows["x"], rows["floor"], color="#555555", marker="_", markersize=13, markeredgewidth=1.4, **floors)
        _value_axis(left, rows)
        for panel, score, words in ((left, "gap", "gap, points"), (right, "acc", "test acc., %")):
            if rows["ordered"].all():
                known = rows[rows[score].notna()]
                panel.plot(known["x"], known[score], color=palette.colour(rows["method"].iloc[0]), linewidth=1.0)
            _draw_variants(panel, rows.assign(front=False), "x", score, palette)
            panel.set_ylabel(words)
            panel.tick_params(axis="x", labelsize=7)
            panel.grid(axis="y")
    return figure


def _value_axis(panel: Axes, rows: pd.DataFrame) -> None:
    """Put the values at their places; a margin on both sides keeps the outer ones off the frame."""
    low, high = rows["x"].min(), rows["x"].max()
    if rows["log"].all():
        panel.set_xscale("log")
        margin = (high / low) ** 0.05
        panel.set_xlim(low / margin, high * margin)
    else:
        panel.set_xlim(-0.5, len(rows) - 0.5)
    panel.set_xticks([], minor=True)
    panel.set_xticks(rows["x"], [shorten(value, _MANY // len(rows)) for value in rows["value"]])


def draw_accuracy_gap(data: NotedTable, title: str, palette: Palette) -> Figure:
    """Draw a point per variant, best at the upper left."""
    table = data.table.astype(dict.fromkeys(_COLUMNS, float))
    colour = palette.colour(table["method"].iloc[0])
    named = table[table["front"] | table["default"]]
    texts = [shorten(label, 28) for label in named["label"]]
    figure, axes = point_figure(data, title, texts, key_lines=3)
    # A higher floor than the default's, or else the lowest, would call noise what may not be.
    floor, whose = or_zero(table.loc[table["default"], "floor"].max()), "noise floor of the default"
    if not floor:
        floor, whose = or_zero(table["floor"].min()), "lowest noise floor"
    gap_axis(axes, "x", (table["gap"] + table["gap_std"].fillna(0)).max(), floor)
    axes.set_ylabel("test accuracy, %")
    axes.grid(axis="y")
    entries: list[Entry] = []
    if floor:
        axes.axvspan(0, floor, color="#EFEFEF", zorder=0)
        levels = {floor: f"{whose}: {points(floor)} points", MARGIN * floor: f"{MARGIN:g} × this floor"}
        entries = draw_levels(axes, "x", levels)
    front = table[table["front"]].sort_values(["gap", "acc"])
    # A staircase, since between two variants nothing is known.
    axes.step(front["gap"], front["acc"], where="post", color=colour, linewidth=0.9, zorder=2)
    axes.errorbar(table["gap"], table["acc"], xerr=table["gap_std"], fmt="none", ecolor=FAINT, elinewidth=0.7)
    draw_key(axes, [*entries, *_draw_variants(axes, table, "gap", "acc", palette)], 2, lift=0.08)
    label_points(axes, named[["gap", "acc"]].to_numpy(), texts, [colour] * len(texts))
    return figure


def _draw_variants(axes: Axes, rows: pd.DataFrame, x: str, y: str, palette: Palette) -> list[Entry]:
    """Draw points whose shape and fill tell the default apart for eyes and printers without colour.

    Returns:
        Their entries of the key.
    """
    colour = palette.colour(rows["method"].iloc[0])
    axes.errorbar(rows[x], rows[y], rows[f"{y}_std"], fmt="none", ecolor=FAINT, elinewidth=0.9)
    alone = rows["default"]
    kinds = {
        "default": alone,
        "no variant is better in both": rows["front"] & ~alone,
        "other variants": ~rows["front"] & ~alone,
    }
    entries: list[Entry] = []
    for name, chosen in kinds.items():
        look: dict[str, Any] = {"linestyle": "none", "marker": "o", "markersize": 5, "markeredgecolor": colour}
        look["markerfacecolor"] = "white" if name == "other variants" else colour
        if name == "default":
            look |= {"marker": "D", "markersize": 6.5, "markeredgecolor": "black"}
        axes.plot(rows.loc[chosen, x], rows.loc[chosen, y], zorder=5, **look)
        entries.append((name, look))
    return entries
