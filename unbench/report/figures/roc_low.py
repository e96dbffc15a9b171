"""The low end of the ROC curves on log axes: whom an attacker can be sure of, which a whole curve hides."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import FuncFormatter, NullLocator

from unbench.report.figures.outputs import MODELS
from unbench.report.figures.panels import by_label, model_legend, name_panels, panel_grid
from unbench.report.figures.roc import mean_curve
from unbench.report.figures.style import DOTTED, Palette, PlotData, model_look

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LOWEST = 1e-3
_RATES = np.logspace(-3, 0, 61)


def roc_low_data(seen: PlotData) -> PlotData:
    """One row per rate of each mean curve: label, method, model, fpr, tpr; mean over seeds, rates of 0.001 to 1.

    Args:
        seen: what look_at found by roc_look.
    """
    import pandas as pd

    columns = ["label", "method", "model", "fpr", "tpr"]
    parts = [
        pd.DataFrame(dict(zip(columns, (*who, _RATES, mean_curve(curves, _RATES)), strict=True)))
        for who, curves in seen.table.groupby(columns[:3], sort=False)
    ]
    return PlotData(pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns), seen.notes)


def draw_roc_low(data: PlotData, title: str, palette: Palette) -> Figure:
    """A panel per row with its original and its own oracle, both axes log."""
    table = data.table
    parts = by_label(table)
    said = (
        "Log axes show the low end. Dotted: chance. Mean over seeds; below one false positive among the test images "
        "a curve is interpolated, and where it ends below the axis nobody is found."
    )
    x, y = "false positive rate (log)", "true positive rate (log)"
    figure, panels = panel_grid(list(parts), f"{title}\n", (said, *data.notes), x=x, y=y, tall=2.4, low=1.9)
    first = panels[0]
    first.set(xscale="log", yscale="log", xlim=(LOWEST, 1), ylim=(LOWEST, 1.15))
    for axis in (first.xaxis, first.yaxis):
        axis.set_ticks([1e-3, 1e-2, 1e-1, 1])
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda rate, _: f"{rate:g}"))
    for panel, rows in zip(panels, parts.values(), strict=True):
        panel.plot([LOWEST, 1], [LOWEST, 1], **DOTTED, zorder=1)
        for model in MODELS:
            part = rows[rows["model"] == model]
            look = model_look(model, str(rows["method"].iloc[0]), palette)
            panel.plot(part["fpr"].to_numpy(), part["tpr"].to_numpy(), **look)
        panel.tick_params(labelsize=7)
        panel.grid(True)
    name_panels(panels, list(parts))
    model_legend(figure)
    return figure
