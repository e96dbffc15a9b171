"""ROC curves of membership inference, whole and, on log axes, at the low end that a whole curve hides."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unbench.analysis.board.formatting import points
from unbench.analysis.outputs import MODELS
from unbench.analysis.rows.noted import NotedTable
from unbench.reporting.figures.style import DOTTED, Palette, log_axis, model_look, panel_grid

if TYPE_CHECKING:
    import pandas as pd
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
    said = "Numbers: AUROC in percent; 50 is chance (dotted)."
    if data.table["seed"].nunique() > 1:
        said += " Curves: mean true positive rate over seeds; ± sample standard deviation over seeds."
    names = ("false positive rate", "true positive rate")
    figure, panels = panel_grid(data, title, said, names, square=True, room=0.36)
    for panel, rows in panels.items():
        panel.plot([0, 1], [0, 1], **DOTTED)
        colour, areas = palette.colour(rows["method"].iloc[0]), []
        by_model = dict(iter(rows.groupby("model")))
        for model in filter(by_model.__contains__, MODELS):
            part = by_model[model]
            found = part.groupby("seed")["auroc"].first()
            areas.append(f"{model} {points(found.mean(), found.std(ddof=1), 1)}")
            curve = (part["fpr"], part["tpr"]) if len(found) == 1 else (_GRID, mean_curve(part))
            panel.plot(*curve, **model_look(model, colour))
        # Above the panel: a curve can pass through any corner inside it.
        panel.text(0, 1.02, "\n".join(areas), transform=panel.transAxes, va="bottom", fontsize=7)
        panel.grid(True)
    limits, ticks = (-0.01, 1.01), [0, 0.5, 1]
    next(iter(panels)).set(xlim=limits, ylim=limits, xticks=ticks, yticks=ticks)
    return figure


def mean_curve(table: pd.DataFrame, grid: NDArray[np.float64] = _GRID) -> NDArray[np.float64]:
    """Return the mean over seeds of the true positive rate at each false positive rate of a grid, as long as that."""
    rates = [np.interp(grid, curve["fpr"], curve["tpr"]) for _, curve in table.groupby("seed", sort=True)]
    return np.asarray(np.mean(rates, axis=0), dtype=np.float64)


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
    said = (
        "Log axes show the low end. Dotted: chance. Mean over seeds; below one false positive among the test images "
        "a curve is interpolated, and where it ends below the axis nobody is found."
    )
    figure, panels = panel_grid(data, title, said, ("false positive rate (log)", "true positive rate (log)"))
    log_axis(next(iter(panels)), "x", LOWEST, 1)
    log_axis(next(iter(panels)), "y", LOWEST, 1.15)
    for panel, rows in panels.items():
        panel.plot([LOWEST, 1], [LOWEST, 1], **DOTTED, zorder=1)
        for model, part in rows.groupby("model"):
            panel.plot(part["fpr"], part["tpr"], **model_look(str(model), palette.colour(rows["method"].iloc[0])))
        panel.grid(True)
    return figure
