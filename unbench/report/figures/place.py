"""Labels beside points, kept off each other, off points and lines, and inside the axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from unbench.report.figures.style import settle

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]
"""Boxes are (N, 4): left, bottom, right, top in pixels."""

_SIZE = 7.5
_NEAR = 7.0
"""Points from a point's centre to a label that needs no line to it."""
_REACHES = (_NEAR, 14.0, 24.0, 36.0, 50.0, 66.0, 84.0, 104.0)
_STEPS = 8
_ANGLES = (0, 180, 90, 270, 30, 330, 150, 210, 60, 300, 120, 240)


@dataclass(frozen=True)
class Anchor:
    """A point to label: its place in data units, the text, its colour, and how far its whisker goes."""

    x: float
    y: float
    text: str
    colour: str
    spread: float = 0.0


def place_labels(figure: Figure, axes: Axes, anchors: Sequence[Anchor]) -> None:
    """Annotate each point where its label covers least, nearest first; a thin line leads to far labels."""
    # Laid out without the labels: with them in, the points would move under them.
    settle(figure)
    window = np.asarray(axes.get_window_extent().extents)
    obstacles = _obstacles(axes, anchors)
    labels = [_Label(axes, anchor, figure.dpi / 72, window) for anchor in anchors]
    for again in range(3):
        # The first label chooses without knowing the last one, so all choose again.
        for number, label in enumerate(labels):
            others = [other for other in (labels if again else labels[:number]) if other is not label]
            texts = np.array([other.box for other in others]).reshape(-1, 4)
            points = np.array([other.point for other in labels if other is not label]).reshape(-1, 4)
            taken = np.vstack([obstacles, texts, label.point, points, *(other.line for other in others)])
            label.choose(np.vstack([texts, points]), taken)
    for label in labels:
        label.draw(axes)


class _Label:
    """One text, its size, and where it goes."""

    def __init__(self, axes: Axes, anchor: Anchor, pixels: float, window: Floats) -> None:
        self.anchor = anchor
        probe = axes.text(anchor.x, anchor.y, anchor.text, fontsize=_SIZE)
        extent = probe.get_window_extent()
        probe.remove()
        size = np.array([extent.width + 2, extent.height + 2])
        reaches = np.repeat(_REACHES, len(_ANGLES))
        angles = np.radians(np.tile(_ANGLES, len(_REACHES)))
        direction = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        shifts = direction * (reaches[:, None] * pixels + size / 2)
        centre = axes.transData.transform((anchor.x, anchor.y))
        self.point: Floats = np.concatenate([centre - 5, centre + 5])
        middles = centre + shifts
        self.boxes: Floats = np.hstack([middles - size / 2, middles + size / 2])
        self.offsets: Floats = shifts / pixels
        self.reaches = reaches
        # A few points along the line that leads from the point to the label's nearest edge, (places, steps, 2).
        ends = np.clip(centre, self.boxes[:, :2], self.boxes[:, 2:])
        steps = np.linspace(0.3, 0.95, _STEPS)[:, None]
        self.lines: Floats = centre + steps * (ends - centre)[:, None, :]
        outside = np.prod(size) - _overlaps(self.boxes, window[None])[:, 0]
        # Beyond what it covers, a place costs a little: nearer ones and earlier angles are easier to read.
        self.effort = 2 * reaches + np.tile(np.arange(len(_ANGLES)), len(_REACHES)) + 20 * outside
        self.chosen = 0

    @property
    def box(self) -> Floats:
        """Where it is now."""
        return self.boxes[self.chosen]

    @property
    def line(self) -> Floats:
        """Small boxes along its line, none if it is near enough to need no line."""
        if self.reaches[self.chosen] <= _NEAR:
            return np.empty((0, 4))
        return np.hstack([self.lines[self.chosen] - 3, self.lines[self.chosen] + 3])

    def choose(self, marks: Floats, taken: Floats) -> None:
        """Move to the place of least cost: little covered, and no line through another label or point."""
        spots = self.lines.reshape(-1, 2)
        crossed = _overlaps(np.hstack([spots - 1, spots + 1]), marks).sum(axis=1).reshape(-1, _STEPS).sum(axis=1)
        covered = _overlaps(self.boxes, taken).sum(axis=1)
        cost = self.effort + 4 * covered + 10 * crossed
        self.chosen = int(cost.argmin())

    def draw(self, axes: Axes) -> None:
        """Write the text, on a pale ground that keeps it legible where it could not avoid a line.

        An outline would do so too, but it makes an SVG's text into shapes that cannot be searched.
        """
        line = {"arrowstyle": "-", "color": self.anchor.colour, "linewidth": 0.5, "shrinkA": 0, "shrinkB": 3}
        axes.annotate(
            self.anchor.text,
            (self.anchor.x, self.anchor.y),
            xytext=tuple(self.offsets[self.chosen]),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=_SIZE,
            zorder=6,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.4},
            arrowprops=line if self.reaches[self.chosen] > _NEAR else None,
        )


def _obstacles(axes: Axes, anchors: Sequence[Anchor]) -> Floats:
    """What a label should not cover besides points: lines and whiskers."""
    # The bars of whiskers do not tell where they are, so that follows from the anchors.
    boxes: list[Floats] = [np.asarray(line.get_window_extent().padded(1.5).extents) for line in axes.lines]
    for anchor in anchors:
        low = axes.transData.transform((anchor.x, anchor.y - anchor.spread))
        high = axes.transData.transform((anchor.x, anchor.y + anchor.spread))
        boxes.append(np.concatenate([low - 1.5, high + 1.5]))
    return np.asarray(boxes, dtype=np.float64).reshape(-1, 4)


def _overlaps(boxes: Floats, others: Floats) -> Floats:
    """Shared area of each box with each other one, (N, M)."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    width, height = np.moveaxis(np.maximum(high - low, 0), 2, 0)
    shared: Floats = width * height  # much faster than numpy's prod over an axis of two
    return shared
