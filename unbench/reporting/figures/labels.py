"""Labels of points, in a column beside the axes, where they cover neither points nor each other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZE = 7.5
STEP = 0.135
"""Inches from one label to the next at least."""


@dataclass(frozen=True)
class Label:
    """A point in data units, its text and its colour."""

    x: float
    y: float
    text: str
    colour: str


def text_width(texts: Iterable[str], size: float = SIZE) -> float:
    """Return the inches that the widest of some texts takes at a size in points."""
    return size * max((sum(map(_advance, text)) for text in texts), default=0.0)


@cache
def _advance(letter: str) -> float:
    """Return the inches from one letter to the next at a size of one point."""
    from matplotlib.font_manager import FontProperties, findfont, get_font
    from matplotlib.ft2font import LoadFlags

    font = get_font(findfont(FontProperties(family="DejaVu Sans")))
    font.set_size(1, 72)
    glyph = font.load_glyph(font.get_char_index(ord(letter)), LoadFlags.NO_HINTING)
    return float(glyph.linearHoriAdvance) / 65536 / 72


def label_points(axes: Axes, labels: Sequence[Label]) -> None:
    """Write the labels right of the axes, as high as their points where there is room; a thin line leads to each.

    The axes' place, scales and limits must be final, and STEP times the number of labels must fit their height.
    """
    from matplotlib.collections import LineCollection

    axes.get_xlim(), axes.get_ylim()  # limits that are still to be found enter no transformation
    to_axes = axes.transData + axes.transAxes.inverted()
    points = [tuple(to_axes.transform((label.x, label.y))) for label in labels]
    order = sorted(range(len(labels)), key=lambda n: (points[n][1], -points[n][0]))
    figure: Any = axes.figure
    step = STEP / (axes.get_position().height * figure.get_figheight())
    heights = spread([points[n][1] for n in order], step)
    lines = [[points[n], (1.0, height), (1.012, height)] for n, height in zip(order, heights, strict=True)]
    looks: dict[str, Any] = {"linewidths": 0.5, "alpha": 0.7, "zorder": 2.5, "clip_on": False}
    colours = [labels[n].colour for n in order]
    axes.add_collection(LineCollection(lines, colors=colours, transform=axes.transAxes, **looks), autolim=False)
    for n, height in zip(order, heights, strict=True):
        axes.text(1.02, height, labels[n].text, va="center", fontsize=SIZE, transform=axes.transAxes)


def spread(heights: Sequence[float], step: float) -> list[float]:
    """Move ascending heights apart to at least `step`, as far up as down, within 0 to 1 where they fit.

    >>> spread([0.0, 0.5, 0.5], 0.25)
    [0.0, 0.375, 0.625]
    """
    # The mean of two solutions is one.
    up = _pushed_up(heights, step)
    down = [1 - height for height in reversed(_pushed_up([1 - height for height in reversed(heights)], step))]
    return [(high + low) / 2 for high, low in zip(up, down, strict=True)]


def _pushed_up(heights: Sequence[float], step: float) -> list[float]:
    places: list[float] = []
    for height in heights:
        places.append(max(height, places[-1] + step) if places else height)
    limit = 1.0
    for n in reversed(range(len(places))):
        places[n] = min(places[n], limit)
        limit = places[n] - step
    return places
