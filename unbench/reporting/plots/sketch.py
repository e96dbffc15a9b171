"""A picture before it is drawn: all that decides how it looks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from unbench.reporting.plots.style import PlotData


@dataclass(frozen=True)
class Sketch:
    """One picture to be. It can be sent to another process.

    Attributes:
        name: of its files, without an ending.
        title: over it.
        data: what it shows; there is nothing to draw where the table is empty.
        draw: makes the figure of data and title.
        look: what else decides how it looks, such as the order of the colours.
    """

    name: str
    title: str
    data: PlotData
    draw: Callable[[PlotData, str], Figure]
    look: str = ""
