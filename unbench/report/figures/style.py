"""One look for all plots: colours for every eye, sizes for print, and the same bytes every time."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import matplotlib.style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from unbench.config.reference_names import NOTHING, ORACLE

if TYPE_CHECKING:
    import pandas as pd

    from unbench.analysis.board.cells import Cell

WIDTH = 7.0
"""Inches: the width of a text block over two columns."""

# Okabe and Ito's palette without its yellow, which is too pale for lines on white paper.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h")
ORACLE_COLOUR, NOTHING_COLOUR, FAINT = "#000000", "#7F7F7F", "#B8B8B8"
DOTTED: dict[str, Any] = {"color": FAINT, "linewidth": 0.8, "linestyle": (0, (1, 2))}
"""A line that is no method's, such as that of chance."""


@dataclass(frozen=True)
class PlotData:
    """What a plot shows, as a table, and in words what it leaves out."""

    table: pd.DataFrame
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Palette:
    """A colour and a marker per method, the same in every plot of a report."""

    methods: tuple[str, ...]

    @classmethod
    def of(cls, cells: Sequence[Cell]) -> Palette:
        """Number all methods of a report, references aside."""
        names = {str(name) for cell in cells for name in cell.rows["method"]}
        return cls(tuple(sorted(names - {ORACLE, NOTHING})))

    def colour(self, method: str) -> str:
        """Black for the oracle, grey for doing nothing, else one of six; place and label tell the rest."""
        if method in (ORACLE, NOTHING):
            return ORACLE_COLOUR if method == ORACLE else NOTHING_COLOUR
        return _COLOURS[self.methods.index(method) % len(_COLOURS)]

    def marker(self, method: str) -> str:
        """A shape, so that colour is never the only difference."""
        if method in (ORACLE, NOTHING):
            return "*" if method == ORACLE else "d"
        return _MARKERS[self.methods.index(method) % len(_MARKERS)]


@contextmanager
def style() -> Iterator[None]:
    """Matplotlib's defaults whatever the user's own settings are, made fit for print.

    Mathematics is off because names come from results: a dollar sign is a dollar sign.
    """
    settings = {
        "text.parse_math": False,
        "font.family": "DejaVu Sans",
        "font.size": 8,
        "axes.titlesize": 8.5,
        "axes.labelsize": 8,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "axes.linewidth": 0.6,
        "grid.color": "#E4E4E4",
        "grid.linewidth": 0.6,
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
        "xtick.minor.width": 0.4,
        "legend.frameon": False,
        "legend.fontsize": 7.5,
        "hatch.linewidth": 0.6,
        # Of the layout too: at fewer dots letters are hinted narrower, and long names would stick out when printed.
        "figure.dpi": 200,
        # Text stays text in an SVG: it can be searched, and the file is small.
        "svg.fonttype": "none",
        # Else the names of its parts are drawn at random.
        "svg.hashsalt": "unbench",
    }
    with matplotlib.style.context(["default", settings]):
        yield


def new_figure(height: float, title: str, notes: Sequence[str]) -> Figure:
    """A figure with a title over it and notes under it, sized in inches."""
    footer = "\n".join(textwrap.fill(note, 150) for note in notes)
    # A constant for the title's two lines, and room for each line of the notes.
    height += 0.15 * (footer.count("\n") + 1 if footer else 0)
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    FigureCanvasAgg(figure)
    first, _, rest = title.partition("\n")
    figure.suptitle(f"{first}\n{rest}" if rest else first, x=0.01, ha="left", fontsize=9.5, fontweight="bold")
    if footer:
        figure.supxlabel(footer, x=0.01, ha="left", fontsize=6.5, color="#444444")
    return figure


def settle(figure: Figure) -> None:
    """Lay it out once and for all, as for what goes where the rest leaves room; nothing if that was done before."""
    layout = figure.get_layout_engine()
    if layout is not None:
        layout.execute(figure)
    figure.set_layout_engine("none")


def model_look(model: str, method: str, palette: Palette) -> dict[str, Any]:
    """How lines of the original, the oracle and the unlearned model look: told apart by colour, dash and width."""
    if model == "unlearned":
        return {"color": palette.colour(method), "linestyle": "-", "linewidth": 1.8, "zorder": 2.2}
    if model == "oracle":
        # Over the thicker line: where both agree, both are seen.
        return {"color": ORACLE_COLOUR, "linestyle": "-", "linewidth": 0.8, "zorder": 2.3}
    return {"color": NOTHING_COLOUR, "linestyle": (0, (4, 2)), "linewidth": 1.1, "zorder": 2.1}
