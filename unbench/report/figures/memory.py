"""How a memory grows with the images in it: its bytes, and the time that deleting from it takes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from unbench.analysis.board.cells import Cell, short_titles
from unbench.analysis.board.formatting import shorten
from unbench.analysis.rows.defaults import NEEDED, is_default
from unbench.analysis.rows.records import records
from unbench.analysis.rows.values import present
from unbench.report.figures.style import FAINT, Palette, PlotData, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 24
"""Rows that fit into the legend."""

_LEVELS = {1e4: (8, 2), 1e3: (4, 2), 1e2: (1, 2)}
"""Bytes per image whose growth is drawn as a line to read by, and its dashes."""

_UNITS = ("B", "kB", "MB", "GB", "TB")
_VALUES = ("memory_entries", "memory_bytes_per_entry", "delete_seconds")


def memory_data(cells: Sequence[Cell]) -> PlotData:
    """One row per cell, method and size of an entry: label, method, cell, index, entries, bytes_per_entry, bytes,
    delete_seconds.

    Rows whose memory holds nothing are left out. Of rows that differ in neither entries nor bytes, the one with the
    method's default is shown, else the first.

    Args:
        cells: of the leaderboard.
    """
    import pandas as pd

    known: list[dict[str, Any]] = []
    for cell, title in zip(cells, short_titles(cells), strict=True):
        means = [f"{name}_mean" for name in _VALUES]
        having = cell.rows[(cell.rows[means[:2]] > 0).all(axis=1)]
        found: dict[tuple[Any, ...], dict[str, Any]] = {}
        for row in records(having[[*NEEDED, "hparams", "label", "memory_index", *means]]):
            entries, size, seconds = (float(row[name]) for name in means)
            key = (row["method"], entries, size)
            if key not in found or is_default(row):
                found[key] = {
                    "label": f"{row['label']} · {title}" if title else row["label"],
                    "method": row["method"],
                    "cell": cell.title,
                    "index": row["memory_index"],
                    "entries": entries,
                    "bytes_per_entry": size,
                    "bytes": entries * size,
                    "delete_seconds": seconds,
                }
        known += found.values()
    columns = ["label", "method", "cell", "index", "entries", "bytes_per_entry", "bytes", "delete_seconds"]
    notes = (f"Not drawn for want of room: {len(known) - MOST} rows.",) if len(known) > MOST else ()
    return PlotData(pd.DataFrame(known[:MOST], columns=columns), notes)


def draw_memory(data: PlotData, title: str) -> Figure:
    """A point per row on log axes, bytes on the left and seconds on the right."""
    rows = records(data.table)
    said = "Entries: images in the memory after unlearning."
    figure = new_figure(max(3.2, 0.9 + 0.17 * (len(rows) + len(_LEVELS))), title, [said, *data.notes])
    left, right = figure.subplots(1, 2)
    # A look of its own for each row: most are of one method.
    looks = Palette(tuple(row["label"] for row in rows))
    sizes = _panel(left, rows, "bytes", looks)
    left.set_ylabel("bytes of the memory (log)")
    left.yaxis.set_major_formatter(FuncFormatter(lambda size, _: _bytes(size)))
    _panel(right, rows, "delete_seconds", looks)
    right.set_ylabel("seconds to delete the forget set (log)")
    _guides(left, sizes)
    figure.legend(handles=left.lines, handlelength=2.6, loc="outside right upper", fontsize=7, labelspacing=0.35)
    return figure


def _panel(panel: Axes, rows: Sequence[dict[str, Any]], column: str, looks: Palette) -> tuple[float, float]:
    """One point for each row that has this number; returns the ends of the vertical axis."""
    shown = [row for row in rows if present(row[column]) and row[column] > 0]
    for row in shown:
        label = row["label"]
        look: dict[str, Any] = {"color": looks.colour(label), "marker": looks.marker(label), "markersize": 6}
        look.update(linestyle="none", markeredgecolor="white", markeredgewidth=0.5, label=shorten(label, 38), zorder=3)
        panel.plot(row["entries"], row[column], **look)
    values = [row[column] for row in shown] or [1.0]
    ends = _ends(values)
    panel.set(xscale="log", yscale="log", xlim=_ends([row["entries"] for row in rows]), ylim=ends)
    for axis in (panel.xaxis, panel.yaxis):
        axis.set_major_locator(LogLocator())
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())
    panel.set_xlabel("entries, images (log)")
    panel.grid(True)
    return ends


def _ends(values: Sequence[float]) -> tuple[float, float]:
    """Whole powers of ten around some numbers, two of them at least, so that a log axis has ticks to read it by."""
    low = math.floor(math.log10(min(values) / 1.3))
    return 10.0**low, 10.0 ** max(math.ceil(math.log10(max(values) * 1.3)), low + 1)


def _guides(panel: Axes, ends: tuple[float, float]) -> None:
    """Lines to read the size of one entry by, told apart by their dashes in the legend: texts would hide points."""
    first, last = panel.get_xlim()
    for level, dash in _LEVELS.items():
        left, right = max(first, ends[0] / level), min(last, ends[1] / level)
        if left < right:
            look: dict[str, Any] = {"color": FAINT, "linewidth": 1.0, "linestyle": (0, dash), "zorder": 1}
            panel.plot([left, right], [left * level, right * level], label=f"{_bytes(level)} for each image", **look)


def _bytes(size: float) -> str:
    """Decimal units: `1 kB` is 1000 bytes."""
    power = min(max(int(math.log10(size) + 1e-9) // 3, 0), len(_UNITS) - 1) if size > 0 else 0
    return f"{size / 1000**power:g} {_UNITS[power]}"
