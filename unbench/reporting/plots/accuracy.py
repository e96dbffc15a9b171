"""Accuracy on the forget, retain and test set per method, each beside its own oracle's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from unbench.reporting.formatting import present, shorten
from unbench.reporting.leaderboard import ORACLE
from unbench.reporting.plots.style import ORACLE_COLOUR, Palette, PlotData, new_figure
from unbench.reporting.records import records

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


def draw_accuracy(data: PlotData, title: str, palette: Palette) -> Figure | None:
    """Horizontal bars in three panels; None if there is nothing to draw."""
    table = data.table
    if table.empty:
        return None
    labels = list(dict.fromkeys(table["label"]))
    said = "Black line: the level of each method's own oracle; in parentheses the difference to it, in points."
    if table["std"].notna().any():
        said += " Whiskers: sample standard deviation over seeds."
    figure = new_figure(1.15 + 0.27 * len(labels), title, [said, *data.notes])
    panels = figure.subplots(1, len(SETS), sharey=True, squeeze=False)[0]
    for panel, (column, name) in zip(panels, SETS.items(), strict=True):
        for place, row in enumerate(records(table[table["set"] == column.removesuffix("_acc")])):
            _bar(panel, place, row, palette)
        panel.set_xlim(0, 100)
        panel.set_xticks(range(0, 101, 25))
        panel.grid(axis="x")
        panel.tick_params(axis="y", length=0)
        panel.set_title(name, loc="left")
        panel.set_xlabel("accuracy, %")
    panels[0].set_yticks(range(len(labels)), [shorten(label, 34) for label in labels])
    panels[0].set_ylim(len(labels) - 0.4, -0.6)
    return figure


def _bar(panel: Axes, place: int, row: dict[str, Any], palette: Palette) -> None:
    mean, oracle = row["mean"], row["oracle"]
    if not present(mean):
        panel.text(1, place, "missing", va="center", fontsize=6.5, color="#666666")
        return
    is_oracle = row["method"] == ORACLE
    panel.barh(
        place,
        mean,
        height=0.72,
        # Hollow, so that its whiskers show: on black they would not.
        color="white" if is_oracle else palette.colour(row["method"]),
        edgecolor=ORACLE_COLOUR if is_oracle else "white",
        linewidth=1.2 if is_oracle else 0.4,
        zorder=2,
    )
    text = f"{mean:.1f}"
    if present(oracle) and not is_oracle:
        # The white rim keeps the line visible on a dark bar.
        for colour, width in (("white", 2.6), (ORACLE_COLOUR, 1.4)):
            panel.vlines(oracle, place - 0.46, place + 0.46, color=colour, linewidth=width, zorder=3)
        text += f" ({mean - oracle:+.1f})".replace("-", "−")
    if present(row["std"]):
        panel.errorbar(mean, place, xerr=row["std"], color="#222222", linewidth=0.8, capsize=1.8, zorder=4)
    panel.text(1.04, place, text, va="center", fontsize=6.8, transform=panel.get_yaxis_transform())
