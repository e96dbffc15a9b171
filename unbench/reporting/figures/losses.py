"""Distributions of losses on forget, retain and test set, before unlearning, after it and of the oracle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unbench.analysis.looks import LOSS_EDGES, SETS
from unbench.analysis.outputs import best
from unbench.analysis.rows.noted import NotedTable
from unbench.reporting.figures.layout import by_label, name_panels, panel_grid
from unbench.reporting.figures.style import FAINT, Palette, model_look

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 12
"""Panels that fit on a page; the best come first."""

_BAND = 0.8
"""Height of a share of one, bands of two sets being 1 apart."""


def losses_data(seen: NotedTable) -> NotedTable:
    """Return one row per edge of each distribution: label, method, model, set, loss (nats), share (percent), images.

    `share` is that of the images of all seeds together that have a loss of at most `loss`; `images` is their number.

    Args:
        seen: the table of unbench.analysis.looks.losses_look.
    """
    import pandas as pd

    columns = ["label", "method", "model", "set", "loss", "share", "images"]
    if seen.table.empty:
        return NotedTable(pd.DataFrame(columns=columns), seen.notes)
    cut = best(seen, MOST)
    places = ["label", "method", "model", "set", "loss"]
    table = cut.table.groupby(places, sort=False)[["count", "images"]].sum().reset_index()
    return NotedTable(table.assign(share=100 * table["count"] / table["images"])[columns], cut.notes)


def draw_losses(data: NotedTable, title: str, palette: Palette) -> Figure:
    """Draw a panel per row, in it a band per set with three step curves."""
    table = data.table
    parts = by_label(table)
    labels = list(parts)
    said = (
        "Each band: the share of the images of one set, from none to all, whose loss is at most that on the axis; "
        "all seeds together. Where the curve of the unlearned model leaves the oracle's, the losses tell them apart."
    )
    figure, panels = panel_grid(labels, title, (said, *data.notes), ("loss, nats (log)", ""))
    for panel, part in zip(panels, parts.values(), strict=True):
        _panel(panel, part, palette)
    first = panels[0]
    first.set_xscale("log")
    first.set_xlim(LOSS_EDGES[0], LOSS_EDGES[-1])
    first.set_ylim(-0.12, len(SETS) - 1 + _BAND + 0.08)
    ticks = [10.0**power for power in (-5, -3, -1, 1)]
    first.set_xticks(ticks)
    first.xaxis.set_ticks([], minor=True)
    first.xaxis.set_major_formatter(lambda loss, _: f"{loss:g}".replace("e-0", "e-"))
    first.set_yticks([_base(split) + _BAND / 2 for split in SETS], list(SETS))
    for panel in panels:
        panel.tick_params(axis="y", length=0)
        panel.grid(axis="x")
    name_panels(panels, labels)
    return figure


def _base(split: str) -> int:
    """Return where the band of a set begins, the first at the top."""
    return len(SETS) - 1 - SETS.index(split)


def _panel(panel: Axes, table: pd.DataFrame, palette: Palette) -> None:
    method = str(table["method"].iloc[0])
    for (split, model), part in table.groupby(["set", "model"], sort=False):
        base = _base(str(split))
        heights = base + _BAND * part["share"].to_numpy() / 100
        panel.plot(part["loss"].to_numpy(), heights, drawstyle="steps-post", **model_look(str(model), method, palette))
    levels = [level for split in SETS for level in (_base(split), _base(split) + _BAND)]
    panel.hlines(levels, LOSS_EDGES[0], LOSS_EDGES[-1], color=FAINT, linewidth=0.5, zorder=0)
