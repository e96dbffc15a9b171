"""Writing plots: the picture in each format that was asked for, and beside it the data that it was drawn from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib import rcParams
from matplotlib.backends.backend_agg import FigureCanvasAgg

from unbench.files import atomic_path, write_text
from unbench.reporting.plots.picture_cache import PictureCache, drawn_from
from unbench.reporting.plots.style import settle

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from unbench.reporting.plots.style import PlotData

_METADATA: dict[str, dict[str, Any]] = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}
"""Nothing says when and by what a picture was made, so that the same results give the same bytes."""


@dataclass(frozen=True)
class Saving:
    """Where plots go, and as what.

    Attributes:
        folder: to write in.
        formats: of unbench.reporting.PLOT_FORMATS.
        data: whether the numbers behind each picture are written too.
    """

    folder: Path
    formats: tuple[str, ...] = ("png",)
    data: bool = False

    def save(
        self, name: str, data: PlotData, title: str, draw: Callable[[PlotData, str], Figure | None], look: str = ""
    ) -> tuple[str, ...]:
        """Write FOLDER/<name>.png, .svg and .csv, as far as they are wanted; a picture that is there already stays.

        Args:
            name: of the files, without an ending.
            data: what the picture shows; its table has ten digits in the file.
            title: over the picture.
            draw: makes the picture of data and title; None where there is nothing to draw, and then nothing is written.
            look: what else decides how it looks.

        Returns:
            The names of the files.

        Raises:
            StoreError: a file cannot be written.
        """
        written, source = [f"{name}.{kind}" for kind in self.formats], drawn_from(data, title, look)
        lacking = [picture for picture in written if not self._cache.holds(picture, source)]
        if lacking:
            figure = draw(data, title)
            if figure is None:
                return ()
            self._write(figure, lacking)
            for picture in lacking:
                self._cache.add(picture, source)
        if self.data:
            written.append(f"{name}.csv")
            write_text(self.folder / written[-1], plot_csv(data))
        return tuple(written)

    @cached_property
    def _cache(self) -> PictureCache:
        return PictureCache(self.folder)

    def _write(self, figure: Figure, names: Sequence[str]) -> None:
        # Laid out once and for all formats: else each finds places of its own.
        settle(figure)
        for name in names:
            with atomic_path(self.folder / name) as temporary:
                _print(figure, temporary, name.rpartition(".")[2])


def _print(figure: Figure, path: Path, kind: str) -> None:
    """As figure.savefig does it, but that draws a figure twice whose layout was settled."""
    if kind == "svg":
        from matplotlib.backends.backend_svg import FigureCanvasSVG

        FigureCanvasSVG(figure).print_svg(path, metadata=_METADATA[kind])
    else:
        figure.set_dpi(rcParams["savefig.dpi"])
        FigureCanvasAgg(figure).print_png(path, metadata=_METADATA[kind])


def plot_csv(data: PlotData) -> str:
    """What a plot shows as CSV; ten digits, so that no binary noise is shown and nothing of use is lost."""
    return str(data.table.to_csv(index=False, float_format="%.10g", lineterminator="\n"))
