"""Accuracy on the forget, retain and test set beside the oracle's: of each method, and of each pathway of a memory."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

from unbench.analysis.board.formatting import shorten
from unbench.analysis.rows.noted import NotedTable, listing, noted
from unbench.analysis.rows.values import present, records
from unbench.config.reference_names import ORACLE
from unbench.reporting.figures.labels import text_width
from unbench.reporting.figures.layout import PanelRow, new_figure
from unbench.reporting.figures.style import ORACLE_COLOUR, Palette
from unbench.store.schema import PATHWAYS, Row

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SETS = {"forget_acc": "Forget set", "retain_acc": "Retain set", "test_acc": "Test set"}
MOST = 24
"""Rows that fit on a page; the best come first."""
MOST_AUDITED = 6
"""Methods of an audit that fit on a page, with four bars each; the best come first."""
_PITCH = 0.27
"""Inches from one bar to the next."""


def accuracy_data(rows: pd.DataFrame) -> NotedTable:
    """Return one row per leaderboard row and set: label, method, set, mean, std, oracle, n_seeds.

    Args:
        rows: of one cell of the leaderboard.
    """
    known: list[Row] = []
    left_out: list[str] = []
    too_many = 0
    for row in records(rows):
        if not any(present(row[f"{column}_mean"]) for column in SETS):
            left_out.append(str(row["label"]))
        elif len(known) >= MOST * len(SETS):
            too_many += 1
        else:
            about = {name: row[name] for name in ("label", "method", "n_seeds")}
            known += [{**about, **_level(row, column, f"oracle_{column}")} for column in SETS]
    room = f"Not drawn for want of room: {too_many} rows with a larger gap." if too_many else ""
    return noted(known, "label method set mean std oracle n_seeds", listing("Without numbers", left_out), room)


def audit_data(rows: Sequence[dict[str, Any]]) -> NotedTable:
    """Return one row per method, pathway, model and set: label, method, pathway, model, set, mean, std, oracle.

    The pathways of a memory model are its image and its memory alone, before and after deletion.

    Args:
        rows: of one cell of the leaderboard; of each method the one that the audit shows.
    """
    from unbench.reporting.board_tables import MODELS, audited

    chosen = audited(rows)
    known = []
    for row, pathway, (prefix, when) in product(chosen[:MOST_AUDITED], PATHWAYS, MODELS.items()):
        if prefix != "oracle_":
            label = f"{row['label']}, {pathway} alone, {when.removesuffix(' deletion')}"
            about = {"label": label, "method": row["method"], "pathway": pathway, "model": when}
            known += [
                {**about, **_level(row, f"{prefix}{pathway}_{column}", f"oracle_{pathway}_{column}")} for column in SETS
            ]
    if not any(present(row["mean"]) for row in known):
        known = []
    left = [str(row["label"]) for row in chosen[MOST_AUDITED:]]
    columns = "label method pathway model set mean std oracle"
    return noted(known, columns, listing("Not drawn for want of room", left))


def _level(row: Row, column: str, oracle: str) -> Row:
    """Return the columns of one bar: what it shows, and the level of the oracle beside it."""
    name = next(name for name in SETS if column.endswith(name)).removesuffix("_acc")
    return {"set": name, "mean": row[f"{column}_mean"], "std": row[f"{column}_std"], "oracle": row[f"{oracle}_mean"]}


def draw_accuracy(data: NotedTable, title: str, palette: Palette) -> Figure:
    """Draw horizontal bars in three panels."""
    return _draw_levels(data, title, palette, "each method's own oracle")


def draw_audit(data: NotedTable, title: str, palette: Palette) -> Figure:
    """Draw horizontal bars in three panels."""
    return _draw_levels(data, title, palette, "the same pathway of its own oracle")


def _draw_levels(data: NotedTable, title: str, palette: Palette, whose: str) -> Figure:
    """Draw a bar for each label and set beside the level that it should have.

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
    names = [shorten(label, 34) for label in labels]
    # Right of each panel stand its numbers, as wide as "100.0 (+100.0)".
    figure, panels = new_figure(
        title,
        [said, *data.notes],
        [PanelRow(0.28, _PITCH * (len(labels) + 0.2))],
        len(SETS),
        left=0.17 + text_width(names, 8),
        right=0.83,
        between=0.87,
    )
    for number, (panel, (column, name)) in enumerate(zip(panels, SETS.items(), strict=True)):
        _bars(panel, records(table[table["set"] == column.removesuffix("_acc")]), palette)
        panel.set_xlim(0, 100)
        panel.set_xticks(range(0, 101, 25))
        panel.grid(axis="x")
        panel.set_ylim(len(labels) - 0.4, -0.6)
        panel.set_yticks([] if number else range(len(labels)), [] if number else names)
        panel.tick_params(axis="y", length=0)
        panel.set_title(name, loc="left")
        panel.set_xlabel("accuracy, %")
    return figure


def _bars(panel: Axes, rows: Sequence[Row], palette: Palette) -> None:
    """Draw all bars at once, and all lines: one by one they take most of the time that a figure takes."""
    from matplotlib.collections import PolyCollection

    known = [(place, row) for place, row in enumerate(rows) if present(row["mean"])]
    oracles = [row["method"] == ORACLE for _, row in known]
    bars = PolyCollection(
        [[(0, n - 0.36), (row["mean"], n - 0.36), (row["mean"], n + 0.36), (0, n + 0.36)] for n, row in known],
        # The oracle's is hollow, so that its whiskers show: on black they would not.
        facecolors=["white" if row["method"] == ORACLE else palette.colour(row["method"]) for _, row in known],
        edgecolors=[ORACLE_COLOUR if own else "white" for own in oracles],
        linewidths=[1.2 if own else 0.4 for own in oracles],
        zorder=2,
    )
    panel.add_collection(bars, autolim=False)
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
        text = _number(row) if present(row["mean"]) else "missing"
        panel.text(1.04, place, text, va="center", fontsize=6.8, transform=at_edge)


def _number(row: Row) -> str:
    text = f"{row['mean']:.1f}"
    if present(row["oracle"]) and row["method"] != ORACLE:
        text += f" ({row['mean'] - row['oracle']:+.1f})".replace("-", "−")
    return text
