"""Accuracy on the forget, retain and test set beside the oracle's: of each method, and of each pathway of a memory."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any

from unbench.analysis.board.formatting import shorten
from unbench.analysis.rows.noted import NotedTable, listing, noted
from unbench.analysis.rows.values import present, records
from unbench.config.reference_names import ORACLE
from unbench.reporting.figures.style import FAINT, ORACLE_COLOUR, Palette, new_figure, text_width
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
    found: list[Row] = []
    left_out: list[str] = []
    for row in records(rows):
        if any(present(row[f"{column}_mean"]) for column in SETS):
            found.append(row)
        else:
            left_out.append(str(row["label"]))
    known = [
        {
            "label": row["label"],
            "method": row["method"],
            **_level(row, column, f"oracle_{column}"),
            "n_seeds": row["n_seeds"],
        }
        for row, column in product(found[:MOST], SETS)
    ]
    room = f"Not drawn for want of room: {len(found) - MOST} rows with a larger gap." if len(found) > MOST else ""
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


def draw_accuracy(data: NotedTable, title: str, palette: Palette, whose: str = "each method's own oracle") -> Figure:
    """Draw one panel per set, with a horizontal bar for each label and a mark at the level that it should reach.

    Args:
        data: with the columns label, method, set, mean, std, oracle, in the order of the bars.
        title: over the figure.
        palette: of the report.
        whose: level the column `oracle` is, in words.
    """
    table = data.table.astype({"mean": float, "std": float, "oracle": float})
    names = [shorten(label, 34) for label in table["label"].unique()]
    said = f"Black line: the level of {whose}; in parentheses the difference to it, in points."
    if table["std"].notna().any():
        said += " Whiskers: sample standard deviation over seeds."
    # Right of each panel stand its numbers, as wide as "100.0 (+100.0)".
    figure, panels = new_figure(
        title,
        [said, *data.notes],
        _PITCH * (len(names) + 0.2),
        (1, len(SETS)),
        margins=(0.17 + text_width(names, 8), 0.83, 0.28, 0.4),
        between=(0.87, 0),
    )
    for panel, (column, name) in zip(panels, SETS.items(), strict=True):
        panel.set(xlim=(0, 100), xticks=range(0, 101, 25), ylim=(len(names) - 0.4, -0.6), yticks=[])
        _draw_bars(panel, table[table["set"] == column.removesuffix("_acc")], palette)
        panel.grid(axis="x")
        panel.tick_params(axis="y", length=0)
        panel.set_title(name)
        panel.set_xlabel("accuracy, %")
    panels[0].set_yticks(range(len(names)), names)
    return figure


draw_audit = partial(draw_accuracy, whose="the same pathway of its own oracle")


def _draw_bars(panel: Axes, rows: pd.DataFrame, palette: Palette) -> None:
    """Draw all bars at once, and all lines: one by one they take most of the time that a figure takes."""
    places, own = range(len(rows)), (rows["method"] == ORACLE).to_numpy()
    # The oracle's is pale, so that its whiskers show: on black they would not.
    colours = [FAINT if method == ORACLE else palette.colour(method) for method in rows["method"]]
    panel.hlines(places, 0, rows["mean"], colors=colours, linewidth=0.72 * 72 * _PITCH)
    # The white rim keeps the line visible on a dark bar.
    for colour, width in (("white", 2.6), (ORACLE_COLOUR, 1.4)):
        low, high = [place - 0.46 for place in places], [place + 0.46 for place in places]
        panel.vlines(rows["oracle"].mask(own), low, high, color=colour, linewidth=width, zorder=3)
    whiskers: dict[str, Any] = {"fmt": "none", "ecolor": "#222222", "elinewidth": 0.8, "capsize": 1.8}
    panel.errorbar(rows["mean"], places, xerr=rows["std"], zorder=4, **whiskers)
    for place, mean, oracle in zip(places, rows["mean"], rows["oracle"].mask(own), strict=True):
        text = f"{mean:.1f}" if present(mean) else "missing"
        if present(mean) and present(oracle):
            text += f" ({mean - oracle:+.1f})".replace("-", "−")
        panel.text(1.04, place, text, va="center", fontsize=6.8, transform=panel.get_yaxis_transform())
