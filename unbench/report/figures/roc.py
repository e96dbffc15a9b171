"""ROC curves of the loss attack, forget set against test set, from the stored outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unbench.analysis.board.formatting import points, shorten
from unbench.metrics.attacks import SCORES, attack
from unbench.metrics.outputs import Model
from unbench.report.figures.outputs import MODELS, Columns, Stored
from unbench.report.figures.panels import by_label, name_width, panel_grid
from unbench.report.figures.style import DOTTED, Palette, PlotData, model_look

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

_GRID = np.linspace(0, 1, 401)


def roc_look(stored: Stored, model: Model) -> Columns:
    """The corners of one curve: auroc (percent), fpr, tpr; exact, so that the area under them is the auroc."""
    curve = attack(stored.outputs, model, SCORES["loss"])
    return {"auroc": np.full(len(curve.fpr), 100 * curve.area()), "fpr": curve.fpr, "tpr": curve.tpr}


def draw_roc(data: PlotData, title: str, palette: Palette) -> Figure:
    """A panel per row with its original and its own oracle.

    Args:
        data: what look_at found by roc_look.
        title: over the figure.
        palette: of the report.
    """
    table = data.table
    parts = by_label(table)
    said = "Numbers: AUROC in percent; 50 is chance (dotted)."
    if table["seed"].nunique() > 1:
        said += " Curves: mean true positive rate over seeds; ± sample standard deviation over seeds."
    x, y = "false positive rate", "true positive rate"
    figure, panels = panel_grid(list(parts), title, (said, *data.notes), x=x, y=y, tall=2.75, low=2.2)
    panels[0].set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), xticks=[0, 0.5, 1], yticks=[0, 0.5, 1])
    for panel, (label, part) in zip(panels, parts.items(), strict=True):
        _panel(panel, part, shorten(label, name_width(len(parts))), palette)
    return figure


def mean_curve(table: pd.DataFrame, grid: NDArray[np.float64] = _GRID) -> NDArray[np.float64]:
    """Mean over seeds of the true positive rate at each false positive rate of a grid, as long as that."""
    rates = [np.interp(grid, curve["fpr"], curve["tpr"]) for _, curve in table.groupby("seed", sort=True)]
    return np.asarray(np.mean(rates, axis=0), dtype=np.float64)


def _panel(panel: Axes, table: pd.DataFrame, name: str, palette: Palette) -> None:
    panel.plot([0, 1], [0, 1], **DOTTED)
    method = str(table["method"].iloc[0])
    for model in MODELS:
        part = table[table["model"] == model]
        if part.empty:
            continue
        areas = part.groupby("seed")["auroc"].first()
        look: dict[str, Any] = model_look(model, method, palette)
        look["label"] = f"{model} {points(areas.mean(), areas.std(ddof=1), 1)}"
        if part["seed"].nunique() == 1:
            panel.plot(part["fpr"], part["tpr"], **look)
        else:
            panel.plot(_GRID, mean_curve(part), **look)
    panel.set_aspect("equal")
    panel.grid(True)
    # Above the panel: a curve can pass through any corner inside it.
    panel.legend(
        title=name,
        title_fontproperties={"weight": "bold", "size": 8},
        alignment="left",
        loc="lower left",
        bbox_to_anchor=(-0.03, 0.98),
        fontsize=7,
        handlelength=1.8,
        labelspacing=0.25,
    )
