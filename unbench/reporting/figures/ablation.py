"""Variants of one method: gap and test accuracy over the values of each hyper-parameter, and against each other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from unbench.analysis.board.formatting import points, shorten
from unbench.analysis.rows.noted import NotedTable, listing, noted
from unbench.analysis.rows.values import is_number, or_zero, present, records
from unbench.reporting.figures.labels import STEP, Label, label_points, text_width
from unbench.reporting.figures.layout import PanelRow, draw_key, gap_axis, key_height, new_figure, whiskers
from unbench.reporting.figures.style import FAINT, Palette
from unbench.store.schema import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from unbench.analysis.board.ablations import AblationStudy

ACROSS = 4
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
_WHISKER: dict[str, Any] = {"color": FAINT, "linewidth": 0.7, "zorder": 1.5}
_MANY = 24
"""Characters of tick labels that fit side by side under a panel."""
_FLOOR: dict[str, Any] = {"color": "#555555", "marker": "_", "markersize": 13, "markeredgewidth": 1.4}


def ablation_data(study: AblationStudy) -> NotedTable:
    """Return one row per value of each hyper-parameter.

    Columns: method, hparam, value (text), x, log, ordered, default, gap, gap_std, floor, acc, acc_std. `x` is its place
    on the axis: the value itself where `log`, else its position among the others. `ordered` is true for numbers, which
    a line may connect.
    """
    known: list[Row] = []
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
    known: list[Row] = []
    left_out: list[str] = []
    for row in study.rows:
        about: Row = {"method": study.method, "label": study.difference(row), "default": row is study.default}
        if present(row["avg_gap_mean"]) and present(row["test_acc_mean"]):
            known.append({**about, **_numbers(row)})
        else:
            left_out.append(about["label"])
    front = pareto([(variant["gap"], variant["acc"]) for variant in known])
    columns = "method label gap gap_std floor acc acc_std default"
    data = noted(known, columns, listing("Without a gap or an accuracy", left_out, "; "))
    return NotedTable(data.table.assign(front=front), data.notes)


def pareto(pairs: Sequence[tuple[float, float]]) -> list[bool]:
    """Return for each (gap, accuracy) whether none of the others is at least as good in both and better in one.

    >>> pareto([(1.0, 70.0), (2.0, 80.0), (2.0, 75.0), (3.0, 80.0)])
    [True, True, False, False]
    """
    return [not any(g <= gap and a >= acc and (g, a) != (gap, acc) for g, a in pairs) for gap, acc in pairs]


def _numbers(row: Row) -> Row:
    return {name: row[column] for name, column in _COLUMNS.items()}


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
    rows = [PanelRow(0.27, 1.05), PanelRow(0.1, 0.7), *[PanelRow(0.27 + values, 1.05), PanelRow(0.1, 0.7)] * (down - 1)]
    figure, panels = new_figure(title, [said, *data.notes], rows, across, below=values)
    tops = [panel for row in range(down) for panel in panels[2 * row * across : (2 * row + 1) * across]]
    bottoms = [panel for row in range(down) for panel in panels[(2 * row + 1) * across : (2 * row + 2) * across]]
    for panel in (*tops[len(names) :], *bottoms[len(names) :]):
        panel.remove()
    colour = palette.colour(str(table["method"].iloc[0]))
    for place, (name, variants, top, bottom) in enumerate(zip(names, by_name, tops, bottoms, strict=False)):
        if place:
            top.sharey(tops[0])
            bottom.sharey(bottoms[0])
        top.set_title(shorten(name, 28 if across < ACROSS else 22), loc="left")
        _value_axis(top, variants, named=False)
        _value_axis(bottom, variants, named=True)
        _floors(top, variants)
        _scores(top, variants, "gap", colour)
        _scores(bottom, variants, "acc", colour)
        for panel, what in ((top, "gap, points"), (bottom, "test acc., %")):
            panel.grid(axis="y")
            panel.tick_params(labelleft=place % across == 0)
            panel.set_ylabel(what if place % across == 0 else "")
    highest = (table["gap"] + table["gap_std"].fillna(0)).max()
    floor = table["floor"].max()
    gap_axis(tops[0], "y", or_zero(highest), or_zero(floor), label=False)
    return figure


def _texts(variants: Sequence[Row]) -> list[str]:
    return [shorten(one["value"], 14) for one in variants]


def _is_wide(variants: Sequence[Row]) -> bool:
    """Return True if the values of a hyper-parameter do not fit side by side."""
    return sum(map(len, _texts(variants))) > _MANY


def _value_axis(panel: Axes, variants: Sequence[Row], named: bool) -> None:
    """Put the values at their places; a margin on both sides keeps the outer ones off the frame."""
    places = [one["x"] for one in variants]
    if variants[0]["log"]:
        panel.set_xscale("log")
        margin = (places[-1] / places[0]) ** 0.08
        panel.set_xlim(places[0] / margin, places[-1] * margin)
    else:
        panel.set_xlim(-0.5, len(variants) - 0.5)
    panel.set_xticks([], minor=True)
    panel.set_xticks(places, _texts(variants) if named else [""] * len(variants))
    if named:
        for label, one in zip(panel.get_xticklabels(), variants, strict=True):
            label.set_fontweight("bold" if one["default"] else "normal")
            if _is_wide(variants):
                label.set(ha="right", rotation=30, rotation_mode="anchor", fontsize=7)


def _floors(panel: Axes, variants: Sequence[Row]) -> None:
    """Draw the noise floor of each variant's own oracles as a short bar."""
    known = [one for one in variants if present(one["floor"])]
    panel.plot(
        [one["x"] for one in known],
        [one["floor"] for one in known],
        linewidth=0.8,
        linestyle=(0, (1.5, 1.5)) if variants[0]["ordered"] else "none",
        zorder=2,
        **_FLOOR,
    )


def _scores(panel: Axes, variants: Sequence[Row], name: str, colour: str) -> None:
    known = [one for one in variants if present(one[name])]
    xs, ys = [one["x"] for one in known], [one[name] for one in known]
    if variants[0]["ordered"]:
        panel.plot(xs, ys, color=colour, linewidth=1.0, zorder=3)
    whiskers(panel, xs, ys, [or_zero(one[f"{name}_std"]) for one in known], [colour] * len(known))
    for default in (False, True):
        alike = [one for one in known if bool(one["default"]) is default]
        panel.plot([p["x"] for p in alike], [p[name] for p in alike], zorder=5, **_look(default, False, colour, 5))


def draw_accuracy_gap(data: NotedTable, title: str, palette: Palette) -> Figure:
    """Draw a point per variant, best at the upper left."""
    rows = records(data.table)
    notes = data.notes
    if data.table["gap_std"].notna().any():
        notes = ("Whiskers: sample standard deviation over seeds.", *notes)
    colour = palette.colour(rows[0]["method"])
    named = [row for row in rows if row["front"] or row["default"]]
    labels = [Label(row["gap"], row["acc"], shorten(row["label"], 28), colour) for row in named]
    figure, (axes,) = new_figure(
        title,
        notes,
        [PanelRow(0.1, max(3.0, 1.15 * STEP * len(labels)))],
        right=0.25 + text_width(label.text for label in labels),
        below=key_height(5, 3),
    )
    floor, whose = _floor(rows)
    gap_axis(axes, "x", max(r["gap"] + or_zero(r["gap_std"]) for r in rows), floor)
    axes.set_ylabel("test accuracy, %")
    axes.grid(axis="y")
    entries = _floor_lines(axes, floor, whose)
    front = sorted((row["gap"], row["acc"]) for row in rows if row["front"])
    # A staircase, since between two variants nothing is known.
    axes.step([x for x, _ in front], [y for _, y in front], where="post", color=colour, linewidth=0.9, zorder=2)
    known = data.table.fillna({"gap_std": 0.0, "acc_std": 0.0})
    axes.hlines(known["acc"], known["gap"] - known["gap_std"], known["gap"] + known["gap_std"], **_WHISKER)
    axes.vlines(known["gap"], known["acc"] - known["acc_std"], known["acc"] + known["acc_std"], **_WHISKER)
    kinds = {(True, True): "default", (False, True): "no variant is better in both", (False, False): "other variants"}
    for (default, filled), name in kinds.items():
        alike = [r for r in rows if r["default"] == default and (default or r["front"] == filled)]
        look = _look(default, filled, colour, 5.5)
        axes.plot([r["gap"] for r in alike], [r["acc"] for r in alike], zorder=4 + filled, **look)
        entries.append((name, look))
    draw_key(axes, "below", entries, columns=3)
    label_points(axes, labels)
    return figure


def _floor(rows: Sequence[Row]) -> tuple[float, str]:
    """Return the default's noise floor and its name, else those of the lowest.

    A higher one would call noise what may not be.
    """
    for row in rows:
        if row["default"] and present(row["floor"]):
            return float(row["floor"]), "noise floor of the default"
    return min((float(row["floor"]) for row in rows if present(row["floor"])), default=0.0), "lowest noise floor"


def _floor_lines(axes: Axes, floor: float, name: str) -> list[tuple[str, dict[str, Any]]]:
    """Draw the noise floor, where there is one, and a line beyond it; return their entries of the key."""
    if not floor:
        return []
    axes.axvspan(0, floor, color="#EFEFEF", zorder=0)
    plain: dict[str, Any] = {"color": "#555555"}
    entries = [
        (f"{name}: {points(floor)} points", {**plain, "linewidth": 0.9, "linestyle": (0, (5, 2))}),
        (f"{MARGIN:g} × this floor", {**plain, "linewidth": 0.6, "linestyle": (0, (1.5, 1.5))}),
    ]
    for times, (_, look) in zip((1.0, MARGIN), entries, strict=True):
        axes.axvline(times * floor, **look)
    return entries


def _look(default: bool, filled: bool, colour: str, size: float) -> dict[str, Any]:
    """Return a shape and fill that tell the default apart for eyes and printers without colour."""
    return {
        "linestyle": "none",
        "marker": "D" if default else "o",
        "markersize": size * 1.3 if default else size,
        "markerfacecolor": colour if default or filled else "white",
        "markeredgecolor": "black" if default else colour,
        "markeredgewidth": 1.0,
    }
