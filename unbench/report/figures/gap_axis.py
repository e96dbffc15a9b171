"""The axis on which gaps to the oracle are drawn, the same in every plot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from matplotlib.ticker import FuncFormatter, NullLocator

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def gap_axis(axes: Axes, which: Literal["x", "y"], largest: float, floor: float, label: bool = True) -> None:
    """Points on a linear scale; log above the noise floor where one collapsed method dwarfs the others.

    Args:
        axes: to set up.
        which: of its two axes.
        largest: gap to make room for, its whisker included.
        floor: the highest noise floor shown, 0 for none.
        label: whether the axis is named.
    """
    horizontal = which == "x"
    axis = axes.xaxis if horizontal else axes.yaxis
    text = "Average Gap to the oracle, points"
    if 0 < 12 * floor < largest:
        (axes.set_xscale if horizontal else axes.set_yscale)("symlog", linthresh=floor, linscale=0.6)
        steps = [step * 10.0**power for power in range(-2, 3) for step in (1, 2, 5)]
        axis.set_ticks([0.0, *(step for step in steps if 0.99 * floor <= step <= 1.3 * largest)])
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_locator(NullLocator())
        limits = (-0.12 * floor, 1.5 * largest)
        text = "Average Gap, points (log scale above the floor)"
    else:
        tallest = max(largest, floor, 0.1)
        limits = (-0.05 * tallest, 1.15 * tallest)
    (axes.set_xlim if horizontal else axes.set_ylim)(*limits)
    if label:
        axis.set_label_text(text)
