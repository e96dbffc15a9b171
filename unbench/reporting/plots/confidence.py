"""What models say of each forgotten image: probability of its true label before unlearning against after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import NullLocator
from numpy.typing import NDArray

from unbench.metrics.attacks import cross_entropy
from unbench.metrics.outputs import Model
from unbench.reporting.leaderboard import ORACLE
from unbench.reporting.oracles import oracle_groups
from unbench.reporting.plots.outputs import Columns, Stored, best
from unbench.reporting.plots.panels import head, panel_grid
from unbench.reporting.plots.style import FAINT, Palette, PlotData

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 12
"""Rows that fit on a page besides their oracles; the best come first."""
IMAGES = 150
"""Images drawn in one panel at most, evenly spaced: more would hide each other."""

_TICKS = {1e-4: "0.0001", 1e-2: "0.01", 0.5: "0.5", 0.99: "0.99", 0.9999: "0.9999"}
_END = 1e-5
"""The probability, and its distance from one, at which the axes end."""


def confidence_look(stored: Stored, model: Model) -> Columns:
    """One row per forgotten image: example_id, probability (of its true label, 0 to 1)."""
    forgotten = stored.outputs.examples(model, "forget")
    ids = stored.ids[stored.outputs.splits == "forget"]
    return {"example_id": ids, "probability": np.exp(-cross_entropy(forgotten))}


def confidence_data(seen: PlotData, rows: pd.DataFrame) -> PlotData:
    """One row per forgotten image, seed and panel: label, method, seed, example_id, before, after (0 to 1).

    `before` is by the original, `after` by the unlearned model. Each oracle has a panel of its own, in which `after`
    is by the oracle; it comes before the first row that has this oracle.

    Args:
        seen: what look_at found by confidence_look.
        rows: of one cell of the leaderboard.
    """
    import pandas as pd

    columns = ["label", "method", "seed", "example_id", "before", "after"]
    if seen.table.empty:
        return PlotData(pd.DataFrame(columns=columns), seen.notes)
    cut = best(seen, MOST)
    groups = {label: group for group in oracle_groups(rows) for label in group.labels}
    parts, drawn = [], set()
    for name, own in cut.table.groupby("label", sort=False):
        label = str(name)
        models = dict(iter(own.rename(columns={"probability": "after"}).groupby("model")))
        before = models.get("original")
        if before is None:
            continue
        before = before.rename(columns={"after": "before"})[["seed", "example_id", "before"]]
        who = groups[label].who if label in groups else label
        if "oracle" in models and who not in drawn and own["method"].iloc[0] != ORACLE:
            drawn.add(who)
            named = {"label": f"oracle of {who}" if who else "oracle", "method": ORACLE}
            parts.append(models["oracle"].assign(**named).merge(before))
        if "unlearned" in models:
            parts.append(models["unlearned"].merge(before))
    table = pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)
    return PlotData(table, cut.notes)


def draw_confidence(data: PlotData, title: str, palette: Palette) -> Figure | None:
    """A panel per row and oracle, in it a point per forgotten image; None if there is nothing to draw."""
    table = data.table
    if table.empty:
        return None
    by_label = {str(label): part for label, part in table.groupby("label", sort=False)}
    said = (
        "A point is a forgotten image; on the dotted line it is as before. Axes are in log-odds, and what is beyond "
        "them is at their end. Below a name: mean probability before and after, over all seeds."
    )
    if max(map(len, by_label.values())) > IMAGES:
        said += f" Drawn are {IMAGES} images of each panel, evenly spaced."
    x, y = "before: probability of the true label", "after"
    figure, panels = panel_grid(list(by_label), title, (said, *data.notes), x=x, y=y, tall=2.4, low=1.9)
    for panel, (label, part) in zip(panels, by_label.items(), strict=True):
        _panel(panel, part, palette)
        means = f"{part['before'].mean():.2f} → {part['after'].mean():.2f}"
        head(panel, label, 26)
        panel.text(0.03, 0.97, means, transform=panel.transAxes, va="top", fontsize=7)
    return figure


def _panel(panel: Axes, table: pd.DataFrame, palette: Palette) -> None:
    method = str(table["method"].iloc[0])
    shown = table.iloc[np.unique(np.linspace(0, len(table) - 1, min(len(table), IMAGES)).astype(np.int64))]
    ends = _log_odds(np.array([_END, 1 - _END]))
    panel.plot(ends, ends, color=FAINT, linewidth=0.8, linestyle=(0, (1, 2)), zorder=1)
    panel.plot(
        _log_odds(shown["before"].to_numpy(np.float64)),
        _log_odds(shown["after"].to_numpy(np.float64)),
        linestyle="none",
        marker="o" if method == ORACLE else palette.marker(method),
        markersize=3,
        markerfacecolor="none" if method == ORACLE else palette.colour(method),
        markeredgecolor=palette.colour(method),
        markeredgewidth=0.5,
        alpha=0.6,
    )
    ticks = _log_odds(np.array(list(_TICKS)))
    for axis in (panel.xaxis, panel.yaxis):
        axis.set_ticks(ticks, list(_TICKS.values()))
        axis.set_minor_locator(NullLocator())
    panel.tick_params(labelsize=7)
    panel.set_xlim(ends[0] - 0.6, ends[1] + 0.6)
    panel.set_ylim(ends[0] - 0.6, ends[1] + 0.6)
    panel.grid(True)


def _log_odds(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Natural log-odds, cut off where the axes end: those of 0 and 1 are infinite."""
    inside = np.clip(probabilities, _END, 1 - _END)
    odds: NDArray[np.float64] = np.log(inside / (1 - inside))
    return odds
