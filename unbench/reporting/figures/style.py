"""One look for all figures: colours for every eye, sizes for print, panels, keys and labels of points."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import cycle, islice, product
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from unbench.analysis.board.formatting import shorten
from unbench.config.reference_names import NOTHING, ORACLE

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from unbench.analysis.board.cells import BoardCell
    from unbench.analysis.rows.noted import NotedTable

WIDTH = 7.0
"""Width in inches of a text block that spans two columns."""
LABEL_STEP = 0.135
"""Inches from one label to the next at least."""
KEY_LINE = 0.145
"""Inches of a line of a key."""

# Okabe and Ito's palette without its yellow, which is too pale for lines on white paper.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h")
ORACLE_COLOUR, NOTHING_COLOUR, FAINT = "#000000", "#7F7F7F", "#B8B8B8"
DOTTED: dict[str, Any] = {"color": FAINT, "linewidth": 0.8, "linestyle": (0, (1, 2))}
"""A line that belongs to no method, such as that of chance."""
_DASHES = ((0, (5, 2)), (0, (1.5, 1.5)), (0, (5, 1.5, 1, 1.5)), (0, (9, 2)))
_INKS = ("#333333", "#A0A0A0")
"""Of levels: paler where the dashes come round again."""

_X_AXIS = 0.4
"""Inches that the numbers and the name of a horizontal axis take."""
_LABEL_SIZE, _KEY_SIZE, _KEY_SAMPLE = 7.5, 7, 0.28
"""Points of labels and of the texts of a key, and inches of a key's samples."""
_FEW = 9
"""Panels up to which there are three in a row, and four beyond."""

_Share = Literal["none", "all", "row", "col"]
Entry = tuple[str, Mapping[str, Any]]
"""Text and look of what a key explains."""

_SETTINGS: dict[Any, Any] = {
    # Names come from results: a dollar sign is a dollar sign.
    "text.parse_math": False,
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.titlesize": 8.5,
    "axes.titlelocation": "left",
    "axes.labelsize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.linewidth": 0.6,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "figure.dpi": 200,
    "savefig.dpi": 200,
    # At so many dots hinting changes nothing that one sees, and takes a fifth of the time.
    "text.hinting": "no_hinting",
    # Text stays text in an SVG: it can be searched, and the file is small.
    "svg.fonttype": "none",
    # Without it the names of its parts are random.
    "svg.hashsalt": "unbench",
}


@contextmanager
def style() -> Iterator[None]:
    """Set Matplotlib's defaults, whatever the user's own settings are, with the few changes that print takes."""
    from matplotlib import rc_context, rcParamsDefault

    defaults = {name: value for name, value in rcParamsDefault.items() if not name.startswith("backend")}
    with rc_context({**defaults, **_SETTINGS}):
        yield


@dataclass(frozen=True)
class Palette:
    """A colour and a marker per method, the same in every figure of a report."""

    methods: tuple[str, ...]

    @classmethod
    def of(cls, cells: Sequence[BoardCell]) -> Palette:
        """Give a place to each method of a report, references aside."""
        names = {str(name) for cell in cells for name in cell.rows["method"]}
        return cls(tuple(sorted(names - {ORACLE, NOTHING})))

    def colour(self, method: str) -> str:
        """Return black for the oracle, grey for doing nothing, else one of six; place and label tell the rest."""
        if method in (ORACLE, NOTHING):
            return ORACLE_COLOUR if method == ORACLE else NOTHING_COLOUR
        return _COLOURS[self.methods.index(method) % len(_COLOURS)]

    def marker(self, method: str) -> str:
        """Return a shape, so that colour is never the only difference."""
        if method in (ORACLE, NOTHING):
            return "*" if method == ORACLE else "d"
        return _MARKERS[self.methods.index(method) % len(_MARKERS)]


def model_look(model: str, colour: str) -> dict[str, Any]:
    """Return how lines of the original, oracle and unlearned model look: they differ in colour, dash and width."""
    if model == "unlearned":
        return {"color": colour, "linestyle": "-", "linewidth": 1.8, "zorder": 2.2}
    if model == "oracle":
        # Over the thicker line: where both agree, both are seen.
        return {"color": ORACLE_COLOUR, "linestyle": "-", "linewidth": 0.8, "zorder": 2.3}
    return {"color": NOTHING_COLOUR, "linestyle": (0, (4, 2)), "linewidth": 1.1, "zorder": 2.1}


def new_figure(
    title: str,
    notes: Sequence[str],
    height: float,
    grid: tuple[int, int] = (1, 1),
    *,
    margins: tuple[float, float, float, float] = (0.55, 0.1, 0.12, _X_AXIS),
    between: tuple[float, float] = (0.2, 0.2),
    share: tuple[_Share, _Share] = ("none", "none"),
) -> tuple[Figure, list[Axes]]:
    """Return a figure with a title above it and notes below it, and its panels, row by row.

    Args:
        title: one line or two.
        notes: each on lines of its own.
        height: inches of each panel.
        grid: rows and columns of panels.
        margins: inches left and right of the panels, above and below them.
        between: inches between two columns, and between two rows.
        share: the horizontal and the vertical axes, as Matplotlib's `subplots` does.
    """
    from matplotlib.figure import Figure

    footer = "\n".join(textwrap.fill(note, 146) for note in notes)
    rows, columns = grid
    left, right, above, below = margins
    head = 0.07 + 0.165 * len(title.splitlines())
    foot = 0.07 + 0.112 * len(footer.splitlines())
    tall = head + above + rows * height + (rows - 1) * between[1] + below + foot
    figure = Figure(figsize=(WIDTH, tall))
    figure.suptitle(title, x=0.01, y=1 - 0.05 / tall, ha="left", va="top", fontsize=9.5, fontweight="bold")
    looks: dict[str, Any] = {"fontsize": 6.5, "color": "#444444"}
    figure.supxlabel(footer, x=0.01, y=0.05 / tall, ha="left", va="bottom", **looks)
    places = {
        "left": left / WIDTH,
        "right": 1 - right / WIDTH,
        "top": 1 - (head + above) / tall,
        "bottom": (below + foot) / tall,
        "wspace": columns * between[0] / (WIDTH - left - right - between[0] * (columns - 1)),
        "hspace": between[1] / height,
    }
    sharex, sharey = share
    panels = figure.subplots(rows, columns, sharex=sharex, sharey=sharey, squeeze=False, gridspec_kw=places)
    return figure, list(panels.flat)


def point_figure(data: NotedTable, title: str, texts: Sequence[str], key_lines: int) -> tuple[Figure, Axes]:
    """Return a figure and its one panel, with room on its right for the texts of its points and above it for a key."""
    spread_of = [name for name in data.table if str(name).endswith("_std")]
    whiskers = (
        ["Whiskers: sample standard deviation over seeds."] if data.table[spread_of].notna().any(axis=None) else []
    )
    height = max(3.2, 1.15 * LABEL_STEP * len(texts))
    margins = (0.6, 0.25 + text_width(texts), 0.15 + KEY_LINE * key_lines, _X_AXIS)
    figure, (axes,) = new_figure(title, [*whiskers, *data.notes], height, margins=margins)
    return figure, axes


def panel_grid(
    data: NotedTable,
    title: str,
    said: str,
    names: tuple[str, str],
    *,
    square: bool = False,
    room: float = 0.0,
    legend: bool = True,
) -> tuple[Figure, dict[Axes, pd.DataFrame]]:
    """Return a figure of small panels that share their axes, and by panel the rows of its label, in their order.

    Scale, limits and ticks of the first panel are those of all. Only the outer ones have numbers and names on their
    axes.

    Args:
        data: with the column `label`; at least one row.
        title: above the figure.
        said: below it, before the notes of the data.
        names: of the horizontal and the vertical axes.
        square: whether panels are as high as they are wide, else lower.
        room: inches between the name of a panel and the panel.
        legend: whether the lines of the three models are explained below the title.
    """
    parts = {str(label): rows for label, rows in data.table.groupby("label", sort=False)}
    across = 3 if len(parts) <= _FEW else 4
    rows = math.ceil(len(parts) / across)
    left, right, between = 0.65, 0.12, 0.2
    height = (WIDTH - left - right - between * (across - 1)) / across * (1 if square else 0.85)
    above = 0.29 + room
    figure, panels = new_figure(
        title,
        (said, *data.notes),
        height,
        (rows, across),
        margins=(left, right, above + KEY_LINE * legend, _X_AXIS),
        between=(between, above + (0.03 if len(parts) % across == 0 else _X_AXIS)),
        share=("all", "all"),
    )
    for panel in panels[len(parts) :]:
        panel.remove()
    panels = panels[: len(parts)]
    for number, (panel, label) in enumerate(zip(panels, parts, strict=True)):
        outer = number + across >= len(parts)
        panel.tick_params(labelsize=7, labelbottom=outer)
        panel.set_xlabel(names[0] if outer else "")
        panel.set_ylabel(names[1] if number % across == 0 else "")
        # Above the panel: a curve can pass through any corner inside.
        panel.set_title(shorten(label, 29 if across == 3 else 21), fontsize=8, fontweight="bold", pad=4 + 72 * room)
    if legend:
        models = {"original": "original", "oracle": "oracle", "unlearned": "unlearned, in its method's colour"}
        draw_key(panels[0], [(text, model_look(model, _COLOURS[0])) for model, text in models.items()], 3, above - 0.05)
    return figure, dict(zip(panels, parts.values(), strict=True))


def draw_key(axes: Axes, entries: Sequence[Entry], columns: int = 1, lift: float | None = None) -> None:
    """Explain what lines and markers mean, right of the axes, or above them by `lift` inches.

    Matplotlib's own legend takes several times as long.
    """
    from matplotlib.lines import Line2D
    from matplotlib.transforms import ScaledTranslation

    figure: Any = axes.figure
    box, down = axes.get_position(), math.ceil(len(entries) / columns)
    corner, left, top = (box.x1, 0.12, 0.0) if lift is None else (box.x0, 0.0, lift + KEY_LINE * down)
    inches = figure.dpi_scale_trans + ScaledTranslation(corner, box.y1, figure.transFigure)
    wide = key_width(entries)
    for number, (text, look) in enumerate(entries):
        column, row = divmod(number, down)
        x, y = left + column * wide, top - (row + 0.5) * KEY_LINE
        ends = [x, x + _KEY_SAMPLE / 2, x + _KEY_SAMPLE]
        figure.add_artist(Line2D(ends, [y] * 3, markevery=[1], transform=inches, **look))
        figure.text(ends[-1] + 0.07, y, text, va="center", fontsize=_KEY_SIZE, transform=inches)


def key_width(entries: Iterable[Entry]) -> float:
    """Return the inches that a key takes right of the axes, or each of its columns above them."""
    return 0.25 + _KEY_SAMPLE + text_width((text for text, _ in entries), _KEY_SIZE)


def text_width(texts: Iterable[str], size: float = _LABEL_SIZE) -> float:
    """Return the inches that the widest of some texts takes at a size in points."""
    return size * max((sum(map(_advance, text)) for text in texts), default=0.0)


@cache
def _advance(letter: str) -> float:
    """Return the inches from one letter to the next at a size of one point."""
    from matplotlib.font_manager import findfont, get_font
    from matplotlib.ft2font import LoadFlags

    font = get_font(findfont("DejaVu Sans"))
    font.set_size(1, 72)
    return float(font.load_char(ord(letter), LoadFlags.NO_HINTING).linearHoriAdvance) / 65536 / 72


def label_points(axes: Axes, points: NDArray[np.float64], texts: Sequence[str], colours: Sequence[str]) -> None:
    """Write the texts right of the axes, as high as their points where there is room; a thin line leads to each.

    The axes' place, scales and limits must be final, and LABEL_STEP times the number of texts must fit their height.
    """
    from matplotlib.collections import LineCollection

    axes.get_xlim(), axes.get_ylim()  # limits that are still to be found enter no transformation
    ends = (axes.transData + axes.transAxes.inverted()).transform(points)
    order = np.lexsort((-ends[:, 0], ends[:, 1]))
    figure: Any = axes.figure
    heights = spread(ends[order, 1], LABEL_STEP / (axes.get_position().height * figure.get_figheight()))
    lines = [[ends[n], (1.0, height), (1.012, height)] for n, height in zip(order, heights, strict=True)]
    looks: dict[str, Any] = {"linewidths": 0.5, "alpha": 0.7, "zorder": 2.5, "clip_on": False}
    own = [colours[n] for n in order]
    axes.add_collection(LineCollection(lines, colors=own, transform=axes.transAxes, **looks), autolim=False)
    for n, height in zip(order, heights, strict=True):
        axes.text(1.02, height, texts[n], va="center", fontsize=_LABEL_SIZE, transform=axes.transAxes)


def spread(heights: Sequence[float], step: float) -> list[float]:
    """Move ascending heights apart to at least `step`, as far up as down, within 0 to 1 where they fit.

    >>> spread([0.0, 0.5, 0.5], 0.25)
    [0.0, 0.375, 0.625]
    """
    steps = step * np.arange(len(heights))
    free = np.asarray(heights) - steps
    # The mean of the two solutions that only push up or down is one.
    up, down = np.maximum.accumulate(free), np.minimum.accumulate(free[::-1])[::-1]
    places: list[float] = (np.clip((up + down) / 2, 0, 1 - steps[-1]) + steps).tolist()
    return places


def draw_levels(axes: Axes, which: Literal["x", "y"], levels: Mapping[float, str]) -> list[Entry]:
    """Draw dashed lines across the axes, all at once; return text and look of each for the key."""
    looks = [{"color": ink, "linestyle": dashes} for ink, dashes in islice(cycle(product(_INKS, _DASHES)), len(levels))]
    across = axes.get_xaxis_transform() if which == "x" else axes.get_yaxis_transform()
    together: dict[str, Any] = {f"{name}s": [look[name] for look in looks] for name in ("color", "linestyle")}
    (axes.vlines if which == "x" else axes.hlines)([*levels], 0, 1, linewidths=1.0, transform=across, **together)
    return list(zip(levels.values(), looks, strict=True))


def log_axis(
    axes: Axes, which: Literal["x", "y"], low: float, high: float, steps: Sequence[int] = (1,), zero: bool = False
) -> None:
    """Make an axis logarithmic from `low` to `high`, numbered at `steps` of each power of ten.

    With `zero` it goes on below `low`, where it is linear, to a little below 0.
    """
    from matplotlib.scale import LogScale, SymmetricalLogScale

    axis = axes.xaxis if which == "x" else axes.yaxis
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [step * 10.0**power for power in powers for step in steps]
    shown = [tick for tick in ticks if 0.99 * low <= tick <= 1.01 * high]
    scale = SymmetricalLogScale(axis, linthresh=low, linscale=0.6) if zero else LogScale(axis)
    settings = {"scale": scale, "ticks": [0.0] * zero + shown, "lim": (-0.15 * low if zero else low, high)}
    axes.set(**{f"{which}{name}": value for name, value in settings.items()})
    axis.set_ticks([], minor=True)
    axis.set_major_formatter(lambda value, _: f"{value:g}".replace("e-0", "e-"))


def gap_axis(axes: Axes, which: Literal["x", "y"], largest: float, floor: float) -> None:
    """Scale an axis in points: linear, but log above the noise floor where one collapsed method dwarfs the others.

    Args:
        axes: to set up.
        which: of its two axes.
        largest: gap to make room for, its whisker included.
        floor: the highest noise floor shown, 0 if there is none.
    """
    text = "Average Gap to the oracle, points"
    if 0 < 12 * floor < largest:
        log_axis(axes, which, floor, 1.5 * largest, (1, 2, 5), zero=True)
        text = "Average Gap, points (log scale above the floor)"
    else:
        tallest = max(largest, floor, 0.1)
        axes.set(**{f"{which}lim": (-0.05 * tallest, 1.15 * tallest)})
    axes.set(**{f"{which}label": text})
