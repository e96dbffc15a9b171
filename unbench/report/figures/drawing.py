"""Plots as the documents of a report show them: by the names of their files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Drawing:
    """One plot: the names of its files, none where there was nothing to draw, and what it leaves out.

    `method` is the one whose ablations it shows; empty for plots that compare methods.
    """

    title: str
    files: tuple[str, ...]
    notes: tuple[str, ...]
    method: str = ""

    @property
    def file(self) -> str | None:
        """The picture that documents show: the PNG, else the SVG, which LaTeX cannot take."""
        return next((name for kind in (".png", ".svg") for name in self.files if name.endswith(kind)), None)


@dataclass(frozen=True)
class Pictures:
    """All plots of a report.

    Attributes:
        of_cells: by the slug of the cell; none of a cell whose plots were not to be drawn.
        of_ranks: critical differences, by preset; none of a preset without them.
        overall: what goes over all cells.
    """

    of_cells: Mapping[str, Sequence[Drawing]] = field(default_factory=dict)
    of_ranks: Mapping[str, Drawing] = field(default_factory=dict)
    overall: Sequence[Drawing] = ()

    @property
    def files(self) -> list[str]:
        """Names of everything that was written."""
        each = [drawing for drawings in self.of_cells.values() for drawing in drawings]
        return [name for one in (*each, *self.of_ranks.values(), *self.overall) for name in one.files]
