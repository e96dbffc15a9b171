"""What models say of each forgotten image: probability of its true label before unlearning against after it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from scipy.special import logit

from unbench.analysis.board.oracles import OracleGroup
from unbench.analysis.looks import evenly_spaced
from unbench.analysis.outputs import best
from unbench.analysis.rows.noted import NotedTable
from unbench.config.reference_names import ORACLE
from unbench.reporting.figures.style import DOTTED, Palette, panel_grid

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST = 12
"""Rows that fit on a page besides their oracles; the best come first."""
IMAGES = 150
"""Images drawn in one panel at most, evenly spaced: more would hide each other."""

_TICKS = {1e-4: "0.0001", 1e-2: "0.01", 0.5: "0.5", 0.99: "0.99", 0.9999: "0.9999"}
_ENDS = (1e-5, 1 - 1e-5)
"""The probabilities at which the axes end."""


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
    cut = best(seen, MOST)
    parts, drawn = [pd.DataFrame(columns=columns)], set()
    for name, own in cut.table.groupby("label", sort=False):
        models = dict(iter(own.rename(columns={"probability": "after"}).groupby("model")))
        if "original" not in models:
            continue
        before = models["original"].rename(columns={"after": "before"})[["seed", "example_id", "before"]]
        group = oracle_of.get(str(name))
        who = _oracle(group) if group else f"oracle of {name}"
        if "oracle" in models and who not in drawn and own["method"].iloc[0] != ORACLE:
            drawn.add(who)
            parts.append(models["oracle"].assign(label=who, method=ORACLE).merge(before))
        if "unlearned" in models:
            parts.append(models["unlearned"].merge(before))
    return NotedTable(pd.concat(parts[1:] or parts, ignore_index=True)[columns], cut.notes)


def _oracle(group: OracleGroup) -> str:
    """Return the name of the panel of an oracle."""
    if not group.who:
        return "oracle"
    return "oracle (post-hoc)" if group.shared else f"oracle of {group.who}"


def draw_confidence(data: NotedTable, title: str, palette: Palette) -> Figure:
    """Draw a panel per row and oracle, in it a point per forgotten image."""
    said = (
        "A point is a forgotten image, p the probability of its true label; on the dotted line it is as before. Axes "
        "are in log-odds, and what is beyond them is at their end. Below a name: mean p before and after, all seeds."
    )
    if data.table["label"].value_counts().max() > IMAGES:
        said += f" Drawn are {IMAGES} images of each panel, evenly spaced."
    figure, panels = panel_grid(data, title, said, ("p before", "p after"), square=True, legend=False)
    for panel, rows in panels.items():
        panel.text(
            0.03,
            0.97,
            f"{rows['before'].mean():.2f} → {rows['after'].mean():.2f}",
            transform=panel.transAxes,
            va="top",
            fontsize=7,
        )
        method = str(rows["method"].iloc[0])
        shown = rows.iloc[evenly_spaced(len(rows), IMAGES)]
        panel.plot(logit(_ENDS), logit(_ENDS), **DOTTED, zorder=1)
        panel.plot(
            # The log-odds of 0 and 1 are infinite.
            logit(shown["before"].clip(*_ENDS)),
            logit(shown["after"].clip(*_ENDS)),
            linestyle="none",
            marker="o" if method == ORACLE else palette.marker(method),
            markersize=3,
            markerfacecolor="none" if method == ORACLE else palette.colour(method),
            markeredgecolor=palette.colour(method),
            markeredgewidth=0.5,
            alpha=0.6,
        )
        panel.grid(True)
    first, (low, high) = next(iter(panels)), logit(_ENDS)
    ticks, texts = logit(list(_TICKS)), list(_TICKS.values())
    first.set(xlim=(low - 0.6, high + 0.6), ylim=(low - 0.6, high + 0.6))
    first.set_yticks(ticks, texts)
    # The outer numbers would run into their neighbours.
    first.set_xticks(ticks, ["", *texts[1:-1], ""])
    return figure
