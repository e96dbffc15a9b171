"""Test accuracy against gap over all variants of a method: what closeness to the oracle costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from unbench.analysis.board.formatting import points, shorten
from unbench.analysis.rows.noted import NotedTable
from unbench.analysis.rows.records import records
from unbench.analysis.rows.values import or_zero, present
from unbench.report.figures.labels import STEP, Label, label_points, text_width
from unbench.report.figures.layout import Row, draw_key, gap_axis, key_height, new_figure
from unbench.report.figures.style import FAINT, Palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from unbench.analysis.board.ablations import Study

MARGIN = 1.5
"""A second line, at this many floors: near the noise, though not in it."""

_WHISKER: dict[str, Any] = {"color": FAINT, "linewidth": 0.7, "zorder": 1.5}


def accuracy_gap_data(study: Study) -> NotedTable:
    """Return one row per variant: method, label, gap, gap_std, floor, acc, acc_std, default, front.

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
    return NotedTable(pd.DataFrame(known, columns=columns).assign(front=front), notes)


def pareto(pairs: Sequence[tuple[float, float]]) -> list[bool]:
    """Return for each (gap, accuracy) whether none of the others is at least as good in both and better in one.

    >>> pareto([(1.0, 70.0), (2.0, 80.0), (2.0, 75.0), (3.0, 80.0)])
    [True, True, False, False]
    """
    return [not any(g <= gap and a >= acc and (g, a) != (gap, acc) for g, a in pairs) for gap, acc in pairs]


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
        [Row(0.1, max(3.0, 1.15 * STEP * len(labels)))],
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
        look = _look(default, filled, colour)
        axes.plot([r["gap"] for r in alike], [r["acc"] for r in alike], zorder=4 + filled, **look)
        entries.append((name, look))
    draw_key(axes, "below", entries, columns=3)
    label_points(axes, labels)
    return figure


def _floor(rows: Sequence[dict[str, Any]]) -> tuple[float, str]:
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


def _look(default: bool, filled: bool, colour: str) -> dict[str, Any]:
    return {
        "linestyle": "none",
        "marker": "D" if default else "o",
        "markersize": 7 if default else 5.5,
        "markerfacecolor": colour if filled else "white",
        "markeredgecolor": "black" if default else colour,
        "markeredgewidth": 1.0,
    }
