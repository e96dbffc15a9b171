"""Distributions of losses on forget, retain and test set, before unlearning, after it and of the oracle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from unbench.analysis.looks import LOSS_EDGES, SETS
from unbench.analysis.outputs import best
from unbench.analysis.rows.noted import NotedTable
from unbench.reporting.figures.style import FAINT, Palette, log_axis, model_look, panel_grid

if TYPE_CHECKING:
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
    table = cut.table.groupby(columns[:5], sort=False)[["count", "images"]].sum().reset_index()
    return NotedTable(table.assign(share=100 * table["count"] / table["images"])[columns], cut.notes)


def draw_losses(data: NotedTable, title: str, palette: Palette) -> Figure:
    """Draw a panel per row, in it a band per set with three step curves."""
    said = (
        "Each band: the share of the images of one set, from none to all, whose loss is at most that on the axis; "
        "all seeds together. Where the curve of the unlearned model leaves the oracle's, the losses tell them apart."
    )
    figure, panels = panel_grid(data, title, said, ("loss, nats (log)", ""))
    bases: dict[Any, int] = {split: len(SETS) - 1 - n for n, split in enumerate(SETS)}
    levels = [level for base in bases.values() for level in (base, base + _BAND)]
    for panel, rows in panels.items():
        colour = palette.colour(rows["method"].iloc[0])
        for (split, model), part in rows.groupby(["set", "model"], sort=False):
            heights = bases[split] + _BAND * part["share"] / 100
            panel.plot(part["loss"], heights, drawstyle="steps-post", **model_look(str(model), colour))
        panel.hlines(levels, LOSS_EDGES[0], LOSS_EDGES[-1], color=FAINT, linewidth=0.5, zorder=0)
        panel.tick_params(axis="y", length=0)
        panel.grid(axis="x")
    first = next(iter(panels))
    log_axis(first, "x", LOSS_EDGES[0], LOSS_EDGES[-1])
    first.set(xticks=[1e-5, 1e-3, 0.1, 10], ylim=(-0.12, len(SETS) - 1 + _BAND + 0.08))
    first.set_yticks([base + _BAND / 2 for base in bases.values()], list(bases))
    return figure
