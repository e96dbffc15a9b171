"""Figures before they are drawn, and as the documents of a report show them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from unbench.analysis.rows.noted import NotedTable
    from unbench.reporting.figures.style import Palette


@dataclass(frozen=True)
class FigureSpec:
    """One figure to be drawn, in this process or another.

    Attributes:
        name: of its files, without an ending.
        title: what it shows.
        data: the same as numbers; there is nothing to draw where the table is empty.
        draw: makes the figure from data, the words above it and, if there is one, `palette=`.
        heading: the cell it belongs to; empty where the title says so.
        palette: colours and markers of methods; None where the figure needs none.
        method: the one whose ablations it shows; empty for figures that compare methods.
    """

    name: str
    title: str
    data: NotedTable
    draw: Callable[..., Figure]
    heading: str = ""
    palette: Palette | None = None
    method: str = ""

    def figure(self) -> Figure:
        """Draw the figure."""
        words = f"{self.title}\n{self.heading}" if self.heading else self.title
        return self.draw(self.data, words, **({"palette": self.palette} if self.palette else {}))


@dataclass(frozen=True)
class Picture:
    """One figure in a document: the names of its files, none where there was nothing to draw, and what it leaves out.

    `method` is the one whose ablations it shows; empty for figures that compare methods.
    """

    title: str
    files: tuple[str, ...]
    notes: tuple[str, ...]
    method: str = ""

    @property
    def file(self) -> str | None:
        """The file that documents show: the PNG, else the SVG, which LaTeX cannot take."""
        return next((name for kind in (".png", ".svg") for name in self.files if name.endswith(kind)), None)


@dataclass(frozen=True)
class Pictures:
    """All pictures of a report.

    Attributes:
        of_cells: by the slug of the cell; none of a cell whose figures were not asked for.
        of_ranks: critical differences, by preset; none of a preset without them.
        overall: what goes over all cells.
    """

    of_cells: Mapping[str, Sequence[Picture]] = field(default_factory=dict)
    of_ranks: Mapping[str, Picture] = field(default_factory=dict)
    overall: Sequence[Picture] = ()

    @property
    def files(self) -> list[str]:
        """Names of all files."""
        each = [picture for pictures in self.of_cells.values() for picture in pictures]
        return [name for one in (*each, *self.of_ranks.values(), *self.overall) for name in one.files]
