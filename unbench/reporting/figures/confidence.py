"""What models say of each forgotten image: probability of its true label before unlearning against after it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from unbench.analysis.board.oracles import OracleGroup
from unbench.analysis.looks import evenly_spaced
from unbench.analysis.outputs import best
from unbench.analysis.rows.noted import NotedTable
from unbench.config.reference_names import ORACLE
from unbench.reporting.figures.layout import by_label, name_panels, panel_grid
from unbench.reporting.figures.style import DOTTED, Palette

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


def confidence_data(seen: NotedTable, oracle_of: Mapping[str, OracleGroup]) -> NotedTable:
    """Return one row per forgotten image, seed and panel: label, method, seed, example_id, before, after (0 to 1).

    `before` is by the original, `after` by the unlearned model. Each oracle has a panel of its own, in which `after`
    is by the oracle; it comes before the first row that has this oracle.

    Args:
        seen: the table of unbench.analysis.looks.confidence_look.
        oracle_of: whose oracle each label of the cell has.
    """
    import pandas as pd

    columns = ["label", "method", "seed", "example_id", "before", "after"]
    if seen.table.empty:
        return NotedTable(pd.DataFrame(columns=columns), seen.notes)
    cut = best(seen, MOST)
    parts, drawn = [], set()
    for name, own in cut.table.groupby("label", sort=False):
        label = str(name)
        models = dict(iter(own.rename(columns={"probability": "after"}).groupby("model")))
        before = models.get("original")
        if before is None:
            continue
        before = before.rename(columns={"after": "before"})[["seed", "example_id", "before"]]
        group = oracle_of.get(label)
        who = _oracle(group) if group else f"oracle of {label}"
        if "oracle" in models and who not in drawn and own["method"].iloc[0] != ORACLE:
            drawn.add(who)
            named = {"label": who, "method": ORACLE}
            parts.append(models["oracle"].assign(**named).merge(before))
        if "unlearned" in models:
            parts.append(models["unlearned"].merge(before))
    table = pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)
    return NotedTable(table, cut.notes)


def _oracle(group: OracleGroup) -> str:
    """Return the name of the panel of an oracle."""
    if not group.who:
        return "oracle"
    return "oracle (post-hoc)" if group.shared else f"oracle of {group.who}"


def draw_confidence(data: NotedTable, title: str, palette: Palette) -> Figure:
    """Draw a panel per row and oracle, in it a point per forgotten image."""
    table = data.table
    parts = by_label(table)
    said = (
        "A point is a forgotten image, p the probability of its true label; on the dotted line it is as before. Axes "
        "are in log-odds, and what is beyond them is at their end. Below a name: mean p before and after, all seeds."
    )
    if max(map(len, parts.values())) > IMAGES:
        said += f" Drawn are {IMAGES} images of each panel, evenly spaced."
    notes = (said, *data.notes)
    figure, panels = panel_grid(list(parts), title, notes, ("p before", "p after"), left=0.7, square=True, legend=False)
    ticks, texts = _log_odds(np.array(list(_TICKS))), list(_TICKS.values())
    panels[0].set_yticks(ticks, texts)
    # The outer numbers would run into their neighbours.
    panels[0].set_xticks(ticks, ["", *texts[1:-1], ""])
    low, high = _log_odds(np.array([_END, 1 - _END]))
    panels[0].set(xlim=(low - 0.6, high + 0.6), ylim=(low - 0.6, high + 0.6))
    name_panels(panels, list(parts))
    for panel, part in zip(panels, parts.values(), strict=True):
        _panel(panel, part, palette)
        means = f"{part['before'].mean():.2f} → {part['after'].mean():.2f}"
        panel.text(0.03, 0.97, means, transform=panel.transAxes, va="top", fontsize=7)
    return figure


def _panel(panel: Axes, table: pd.DataFrame, palette: Palette) -> None:
    method = str(table["method"].iloc[0])
    shown = table.iloc[evenly_spaced(len(table), IMAGES)]
    ends = _log_odds(np.array([_END, 1 - _END]))
    panel.plot(ends, ends, **DOTTED, zorder=1)
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
    panel.grid(True)


def _log_odds(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return natural log-odds, cut off where the axes end: those of 0 and 1 are infinite."""
    inside = np.clip(probabilities, _END, 1 - _END)
    odds: NDArray[np.float64] = np.log(inside / (1 - inside))
    return odds
