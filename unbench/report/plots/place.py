"""Labels beside points, kept off each other, off the points and inside the axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.transforms import Bbox

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Anchor = tuple[float, float, str, str]
"""x and y in data units, text, colour."""

_MARKER = 9.0
"""Pixels around a point, at the figure's own resolution, that no label may cover."""


def place_labels(figure: Figure, axes: Axes, anchors: Sequence[Anchor]) -> None:
    """Annotate each point at the offset that covers least, nearest first; a thin line leads to far ones."""
    figure.draw_without_rendering()
    # The layout is settled now; solving it again with the labels in would move the points under them.
    figure.set_layout_engine("none")
    window = axes.get_window_extent()
    centres = [axes.transData.transform((x, y)) for x, y, _, _ in anchors]
    taken = [
        Bbox.from_extents(cx - _MARKER / 2, cy - _MARKER / 2, cx + _MARKER / 2, cy + _MARKER / 2) for cx, cy in centres
    ]
    for x, y, text, colour in anchors:
        best: tuple[float, Bbox, tuple[float, float], str, str] | None = None
        for rank, (dx, dy, ha, va) in enumerate(_offsets()):
            note = axes.annotate(text, (x, y), xytext=(dx, dy), textcoords="offset points", ha=ha, va=va, fontsize=7.5)
            box = note.get_window_extent()
            note.remove()
            cost = rank * 2.0 + sum(_overlap(box, other) for other in taken) + 5.0 * _outside(box, window)
            if best is None or cost < best[0]:
                best = (cost, box, (dx, dy), ha, va)
        if best is None:
            continue
        _, box, offset, ha, va = best
        far = max(abs(offset[0]), abs(offset[1])) > 12
        axes.annotate(
            text,
            (x, y),
            xytext=offset,
            textcoords="offset points",
            ha=ha,
            va=va,
            fontsize=7.5,
            zorder=6,
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.5, "shrinkB": 3} if far else None,
        )
        taken.append(box)


def _offsets() -> list[tuple[float, float, str, str]]:
    near: list[tuple[float, float, str, str]] = [
        (6.0, 0.0, "left", "center"),
        (-6.0, 0.0, "right", "center"),
        (0.0, 6.0, "center", "bottom"),
        (0.0, -6.0, "center", "top"),
    ]
    diagonal = [
        (side * reach, level * reach * 0.8, "left" if side > 0 else "right", "bottom" if level > 0 else "top")
        for reach in (5, 14, 24, 36, 50)
        for level in (1, -1)
        for side in (1, -1)
    ]
    return near + diagonal


def _overlap(one: Bbox, other: Bbox) -> float:
    shared = Bbox.intersection(one, other)
    return float(shared.width * shared.height) if shared is not None else 0.0


def _outside(box: Bbox, window: Bbox) -> float:
    return float(box.width * box.height) - _overlap(box, window)
