"""Writing plots: the picture in each format that was asked for, and beside it the data that it was drawn from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unbench.files import atomic_path, write_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from unbench.reporting.plots.style import PlotData

# Nothing says when and by what a picture was made, so that the same results give the same bytes.
_METADATA: dict[str, dict[str, Any]] = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}


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

    def save(self, name: str, figure: Figure | None, data: PlotData) -> tuple[str, ...]:
        """Write FOLDER/<name>.png, .svg and .csv, as far as they are wanted.

        Args:
            name: of the files, without an ending.
            figure: drawn from `data`; None where there was nothing to draw, and then nothing is written.
            data: its table has ten digits in the file.

        Returns:
            The names of the files.

        Raises:
            StoreError: a file cannot be written.
        """
        if figure is None:
            return ()
        # Laid out once and for all formats: else each finds places of its own, and does so by drawing twice.
        layout = figure.get_layout_engine()
        if layout is not None:
            layout.execute(figure)
        figure.set_layout_engine("none")
        for kind in self.formats:
            with atomic_path(self.folder / f"{name}.{kind}") as temporary:
                figure.savefig(temporary, format=kind, metadata=_METADATA[kind])
        written = [f"{name}.{kind}" for kind in self.formats]
        if self.data:
            written.append(f"{name}.csv")
            write_text(self.folder / written[-1], plot_csv(data))
        return tuple(written)


def plot_csv(data: PlotData) -> str:
    """What a plot shows as CSV; ten digits, so that no binary noise is shown and nothing of use is lost."""
    return str(data.table.to_csv(index=False, float_format="%.10g", lineterminator="\n"))
