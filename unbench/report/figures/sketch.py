"""A picture before it is drawn: all that decides how it looks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from unbench.report.figures.style import Palette, PlotData


@dataclass(frozen=True)
class Sketch:
    """One picture to be. It can be sent to another process.

    Attributes:
        name: of its files, without an ending.
        title: what it shows.
        data: the same as numbers; there is nothing to draw where the table is empty.
        draw: makes the figure of data, the words over it and, if there is one, `palette=`.
        heading: of what it shows it; empty where the title says so.
        palette: how methods look; None where none are told apart by it.
        method: the one whose ablations it shows; empty for plots that compare methods.
    """

    name: str
    title: str
    data: PlotData
    draw: Callable[..., Figure]
    heading: str = ""
    palette: Palette | None = None
    method: str = ""

    @property
    def words(self) -> str:
        """What stands over the picture."""
        return f"{self.title}\n{self.heading}" if self.heading else self.title

    def figure(self) -> Figure:
        """Draw it."""
        return self.draw(self.data, self.words, **({"palette": self.palette} if self.palette else {}))
