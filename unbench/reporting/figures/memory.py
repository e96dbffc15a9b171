"""How a memory grows with the images in it: its bytes, and the time that deleting from it takes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from unbench.analysis.board.cells import BoardCell, short_titles
from unbench.analysis.board.formatting import shorten
from unbench.analysis.rows.defaults import NEEDED, is_default
from unbench.analysis.rows.noted import NotedTable, noted
from unbench.analysis.rows.values import present, records
from unbench.reporting.figures.labels import text_width
from unbench.reporting.figures.layout import KEY_LINE, KEY_SIZE, PanelRow, draw_key, new_figure
from unbench.reporting.figures.style import FAINT, Palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 24
"""Rows that fit into the legend."""

_LEVELS = {1e4: (8, 2), 1e3: (4, 2), 1e2: (1, 2)}
"""Bytes per image whose growth is drawn as a line to read by, and its dashes."""

_POINT: dict[str, Any] = {"linestyle": "none", "markersize": 6, "markeredgecolor": "white", "markeredgewidth": 0.5}
_UNITS = ("B", "kB", "MB", "GB", "TB")
_VALUES = ("memory_entries", "memory_bytes_per_entry", "delete_seconds")


def memory_data(cells: Sequence[BoardCell]) -> NotedTable:
    """Return one row per cell, method and size of an entry.

    Columns: label, method, cell, index, entries, bytes_per_entry, bytes, delete_seconds.
    Rows whose memory holds nothing are left out. Of rows that differ in neither entries nor bytes, the one with the
    method's default is shown, else the first.

    Args:
        cells: of the leaderboard.
    """
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
    columns = "label method cell index entries bytes_per_entry bytes delete_seconds"
    note = f"Not drawn for want of room: {len(known) - MOST} rows." if len(known) > MOST else ""
    return noted(known[:MOST], columns, note)


def draw_memory(data: NotedTable, title: str) -> Figure:
    """Draw a point per row on log axes, bytes on the left and seconds on the right."""
    rows = records(data.table)
    said = "Entries: images in the memory after unlearning."
    names = [shorten(row["label"], 38) for row in rows]
    height = max(2.5, KEY_LINE * (len(rows) + len(_LEVELS)))
    right = 0.5 + text_width(names, KEY_SIZE)
    figure, panels = new_figure(
        title, [said, *data.notes], [PanelRow(0.12, height)], 2, left=0.75, between=0.8, right=right
    )
    # A look of its own for each row: most are of one method.
    palette = Palette(tuple(row["label"] for row in rows))
    looks = [{"color": palette.colour(row["label"]), "marker": palette.marker(row["label"]), **_POINT} for row in rows]
    sizes = _panel(panels[0], rows, "bytes", looks)
    panels[0].set_ylabel("bytes of the memory (log)")
    panels[0].yaxis.set_major_formatter(lambda size, _: _bytes(size))
    _panel(panels[1], rows, "delete_seconds", looks)
    panels[1].set_ylabel("seconds to delete the forget set (log)")
    guides = _guides(panels[0], sizes)
    draw_key(panels[1], "right", [*zip(names, looks, strict=True), *guides])
    return figure


def _panel(
    panel: Axes, rows: Sequence[dict[str, Any]], column: str, looks: Sequence[dict[str, Any]]
) -> tuple[float, float]:
    """Draw one point for each row that has this number; return the ends of the vertical axis."""
    shown = [(row, look) for row, look in zip(rows, looks, strict=True) if present(row[column]) and row[column] > 0]
    for row, look in shown:
        panel.plot(row["entries"], row[column], zorder=3, **look)
    ends = _ends([row[column] for row, _ in shown] or [1.0])
    panel.set(xscale="log", yscale="log", xlim=_ends([row["entries"] for row in rows]), ylim=ends)
    for axis in (panel.xaxis, panel.yaxis):
        axis.set_major_formatter(lambda value, _: f"{value:g}")
        axis.set_minor_formatter("")
    panel.set_xlabel("entries, images (log)")
    panel.grid(True)
    return ends


def _ends(values: Sequence[float]) -> tuple[float, float]:
    """Return two or more whole powers of ten around some numbers: the least that a log axis can be read by."""
    low = math.floor(math.log10(min(values) / 1.3))
    return 10.0**low, 10.0 ** max(math.ceil(math.log10(max(values) * 1.3)), low + 1)


def _guides(panel: Axes, ends: tuple[float, float]) -> list[tuple[str, dict[str, Any]]]:
    """Draw lines to read the size of one entry by; return them for the key, since texts would hide points."""
    entries = []
    first, last = panel.get_xlim()
    for level, dash in _LEVELS.items():
        left, right = max(first, ends[0] / level), min(last, ends[1] / level)
        if left < right:
            look: dict[str, Any] = {"color": FAINT, "linewidth": 1.0, "linestyle": (0, dash)}
            panel.plot([left, right], [left * level, right * level], zorder=1, **look)
            entries.append((f"{_bytes(level)} for each image", look))
    return entries


def _bytes(size: float) -> str:
    """Write bytes in decimal units: `1 kB` is 1000 bytes."""
    power = min(max(int(math.log10(size) + 1e-9) // 3, 0), len(_UNITS) - 1) if size > 0 else 0
    return f"{size / 1000**power:g} {_UNITS[power]}"
