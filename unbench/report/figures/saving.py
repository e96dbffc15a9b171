"""What goes into the files of a plot: the picture, and the data that it was drawn from."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any

from matplotlib import rcParams
from matplotlib.backends.backend_agg import FigureCanvasAgg

from unbench.report.figures.style import settle, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from unbench.report.figures.sketch import Sketch
    from unbench.report.figures.style import PlotData

_METADATA: dict[str, dict[str, Any]] = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}
"""Nothing says when and by what a picture was made, so that the same results give the same bytes."""


def pictures_of(sketch: Sketch, kinds: Sequence[str]) -> dict[str, bytes]:
    """Draw a sketch once, and give the content of a file of each kind: png or svg."""
    with style():
        figure = sketch.figure()
        # Laid out once and for all kinds: else each finds places of its own.
        settle(figure)
        return {kind: _printed(figure, kind) for kind in kinds}


def _printed(figure: Figure, kind: str) -> bytes:
    """As figure.savefig does it, but that draws a figure twice whose layout was settled."""
    file = BytesIO()
    if kind == "svg":
        from matplotlib.backends.backend_svg import FigureCanvasSVG

        FigureCanvasSVG(figure).print_svg(file, metadata=_METADATA[kind])
    else:
        figure.set_dpi(rcParams["figure.dpi"])  # of which an SVG that was printed before leaves 72
        FigureCanvasAgg(figure).print_png(file, metadata=_METADATA[kind])
    return file.getvalue()


def plot_csv(data: PlotData) -> str:
    """What a plot shows as CSV; ten digits, so that no binary noise is shown and nothing of use is lost."""
    return str(data.table.to_csv(index=False, float_format="%.10g", lineterminator="\n"))
