"""ROC curves of membership inference, whole and, on log axes, at the low end that a whole curve hides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unbench.analysis.board.formatting import points
from unbench.analysis.outputs import MODELS
from unbench.analysis.rows.noted import NotedTable
from unbench.reporting.figures.layout import KEY_LINE, by_label, draw_key, name_panels, panel_grid
from unbench.reporting.figures.style import DOTTED, Palette, model_look

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

LOWEST = 1e-3
"""Where the low end begins: a false positive rate of one in a thousand."""

_GRID, _LOW_GRID = np.linspace(0, 1, 401), np.logspace(-3, 0, 61)


def draw_roc(data: NotedTable, title: str, palette: Palette) -> Figure:
    """Draw a panel per row with its original and its own oracle.

    Args:
        data: the table of unbench.analysis.looks.roc_look.
        title: above the figure.
        palette: of the report.
    """
    table = data.table
    parts = by_label(table)
    said = "Numbers: AUROC in percent; 50 is chance (dotted)."
    if table["seed"].nunique() > 1:
        said += " Curves: mean true positive rate over seeds; ± sample standard deviation over seeds."
    names = ("false positive rate", "true positive rate")
    figure, panels = panel_grid(list(parts), title, (said, *data.notes), names, square=True, above=0.7, legend=False)
    panels[0].set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), xticks=[0, 0.5, 1], yticks=[0, 0.5, 1])
    for panel, part in zip(panels, parts.values(), strict=True):
        _panel(panel, part, palette)
    name_panels(panels, list(parts), lift=len(MODELS) * KEY_LINE + 0.1)
    return figure


def mean_curve(table: pd.DataFrame, grid: NDArray[np.float64] = _GRID) -> NDArray[np.float64]:
    """Return the mean over seeds of the true positive rate at each false positive rate of a grid, as long as that."""
    rates = [np.interp(grid, curve["fpr"], curve["tpr"]) for _, curve in table.groupby("seed", sort=True)]
    return np.asarray(np.mean(rates, axis=0), dtype=np.float64)


def _panel(panel: Axes, table: pd.DataFrame, palette: Palette) -> None:
    panel.plot([0, 1], [0, 1], **DOTTED)
    entries = []
    method = str(table["method"].iloc[0])
    for model in MODELS:
        part = table[table["model"] == model]
        if part.empty:
            continue
        areas = part.groupby("seed")["auroc"].first()
        look: dict[str, Any] = model_look(model, method, palette)
        entries.append((f"{model} {points(areas.mean(), areas.std(ddof=1), 1)}", look))
        if part["seed"].nunique() == 1:
            panel.plot(part["fpr"], part["tpr"], **look)
        else:
            panel.plot(_GRID, mean_curve(part), **look)
    panel.grid(True)
    # Above the panel: a curve can pass through any corner inside it.
    draw_key(panel, "above", entries)


def roc_low_data(seen: NotedTable) -> NotedTable:
    """Return one row per rate of each mean curve: label, method, model, fpr, tpr; rates of 0.001 to 1.

    Args:
        seen: the table of unbench.analysis.looks.roc_look.
    """
    import pandas as pd

    columns = ["label", "method", "model", "fpr", "tpr"]
    parts = [
        pd.DataFrame(dict(zip(columns, (*who, _LOW_GRID, mean_curve(curves, _LOW_GRID)), strict=True)))
        for who, curves in seen.table.groupby(columns[:3], sort=False)
    ]
    return NotedTable(pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns), seen.notes)


def draw_roc_low(data: NotedTable, title: str, palette: Palette) -> Figure:
    """Draw a panel per row with its original and its own oracle, both axes log."""
    parts = by_label(data.table)
    said = (
        "Log axes show the low end. Dotted: chance. Mean over seeds; below one false positive among the test images "
        "a curve is interpolated, and where it ends below the axis nobody is found."
    )
    names = ("false positive rate (log)", "true positive rate (log)")
    figure, panels = panel_grid(list(parts), title, (said, *data.notes), names)
    first = panels[0]
    first.set(xscale="log", yscale="log", xlim=(LOWEST, 1), ylim=(LOWEST, 1.15))
    for axis in (first.xaxis, first.yaxis):
        axis.set_ticks([1e-3, 1e-2, 1e-1, 1])
        axis.set_ticks([], minor=True)
        axis.set_major_formatter(lambda rate, _: f"{rate:g}")
    for panel, rows in zip(panels, parts.values(), strict=True):
        panel.plot([LOWEST, 1], [LOWEST, 1], **DOTTED, zorder=1)
        for model in MODELS:
            part = rows[rows["model"] == model]
            look = model_look(model, str(rows["method"].iloc[0]), palette)
            panel.plot(part["fpr"].to_numpy(), part["tpr"].to_numpy(), **look)
        panel.grid(True)
    name_panels(panels, list(parts))
    return figure
