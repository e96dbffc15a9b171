"""Accuracy on the forget, retain and test set per method, each beside its own oracle's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from unbench.analysis.board.formatting import shorten
from unbench.analysis.rows.records import records
from unbench.analysis.rows.values import present
from unbench.config.reference_names import ORACLE
from unbench.report.figures.style import ORACLE_COLOUR, Palette, PlotData, new_figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SETS = {"forget_acc": "Forget set", "retain_acc": "Retain set", "test_acc": "Test set"}
MOST = 24
"""Rows that fit on a page; the best come first."""


def accuracy_data(rows: pd.DataFrame) -> PlotData:
    """One row per leaderboard row and set: label, method, set, mean, std, oracle, n_seeds.

    Args:
        rows: of one cell of the leaderboard.
    """
    import pandas as pd

    known: list[dict[str, object]] = []
    left_out: list[str] = []
    too_many: list[str] = []
    for row in records(rows):
        if not any(present(row[f"{column}_mean"]) for column in SETS):
            left_out.append(str(row["label"]))
            continue
        if len(known) >= MOST * len(SETS):
            too_many.append(str(row["label"]))
            continue
        known += [
            {
                "label": row["label"],
                "method": row["method"],
                "set": column.removesuffix("_acc"),
                "mean": row[f"{column}_mean"],
                "std": row[f"{column}_std"],
                "oracle": row[f"oracle_{column}_mean"],
                "n_seeds": row["n_seeds"],
            }
            for column in SETS
        ]
    columns = ["label", "method", "set", "mean", "std", "oracle", "n_seeds"]
    notes = []
    if left_out:
        notes.append(f"Without numbers: {', '.join(left_out)}.")
    if too_many:
        notes.append(f"Not drawn for want of room: {len(too_many)} rows with a larger gap.")
    return PlotData(pd.DataFrame(known, columns=columns), tuple(notes))


def draw_accuracy(data: PlotData, title: str, palette: Palette) -> Figure:
    """Horizontal bars in three panels."""
    return draw_levels(data, title, palette, "each method's own oracle")


def draw_levels(data: PlotData, title: str, palette: Palette, whose: str) -> Figure:
    """A bar for each label and set beside the level that it should have.

    Args:
        data: with the columns label, method, set, mean, std, oracle, in the order of the bars.
        title: over the figure.
        palette: of the report.
        whose: level the column `oracle` is, in words.
    """
    table = data.table
    labels = list(dict.fromkeys(table["label"]))
    said = f"Black line: the level of {whose}; in parentheses the difference to it, in points."
    if table["std"].notna().any():
        said += " Whiskers: sample standard deviation over seeds."
    figure = new_figure(1.15 + 0.27 * len(labels), title, [said, *data.notes])
    panels = figure.subplots(1, len(SETS), sharey=True, squeeze=False)[0]
    for panel, (column, name) in zip(panels, SETS.items(), strict=True):
        _bars(panel, records(table[table["set"] == column.removesuffix("_acc")]), palette)
        panel.set_xlim(0, 100)
        panel.set_xticks(range(0, 101, 25))
        panel.grid(axis="x")
        panel.tick_params(axis="y", length=0)
        panel.set_title(name, loc="left")
        panel.set_xlabel("accuracy, %")
    panels[0].set_yticks(range(len(labels)), [shorten(label, 34) for label in labels])
    panels[0].set_ylim(len(labels) - 0.4, -0.6)
    return figure


def _bars(panel: Axes, rows: Sequence[dict[str, Any]], palette: Palette) -> None:
    """All bars at once, and all lines: one by one they take most of the time that a plot takes."""
    known = [(place, row) for place, row in enumerate(rows) if present(row["mean"])]
    oracles = [row["method"] == ORACLE for _, row in known]
    panel.barh(
        [place for place, _ in known],
        [row["mean"] for _, row in known],
        height=0.72,
        # The oracle's is hollow, so that its whiskers show: on black they would not.
        color=["white" if own else palette.colour(row["method"]) for own, (_, row) in zip(oracles, known, strict=True)],
        edgecolor=[ORACLE_COLOUR if own else "white" for own in oracles],
        linewidth=[1.2 if own else 0.4 for own in oracles],
        zorder=2,
    )
    levels = [
        (place, row["oracle"])
        for own, (place, row) in zip(oracles, known, strict=True)
        if not own and present(row["oracle"])
    ]
    # The white rim keeps the line visible on a dark bar.
    for colour, width in (("white", 2.6), (ORACLE_COLOUR, 1.4)):
        low, high = [place - 0.46 for place, _ in levels], [place + 0.46 for place, _ in levels]
        panel.vlines([level for _, level in levels], low, high, color=colour, linewidth=width, zorder=3)
    spread = [(row["mean"], place, row["std"]) for place, row in known if present(row["std"])]
    if spread:
        means, places, widths = zip(*spread, strict=True)
        panel.errorbar(
            means, places, xerr=widths, linestyle="none", color="#222222", elinewidth=0.8, capsize=1.8, zorder=4
        )
    at_edge = panel.get_yaxis_transform()
    for place, row in enumerate(rows):
        if present(row["mean"]):
            panel.text(1.04, place, _said(row), va="center", fontsize=6.8, transform=at_edge)
        else:
            panel.text(1, place, "missing", va="center", fontsize=6.5, color="#666666")


def _said(row: dict[str, Any]) -> str:
    text = f"{row['mean']:.1f}"
    if present(row["oracle"]) and row["method"] != ORACLE:
        text += f" ({row['mean'] - row['oracle']:+.1f})".replace("-", "−")
    return text
