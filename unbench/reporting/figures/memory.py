"""How a memory grows with the images in it: its bytes, and the time that deleting from it takes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from unbench.analysis.board.cells import BoardCell, short_titles
from unbench.analysis.board.formatting import shorten
from unbench.analysis.rows.defaults import NEEDED, is_default
from unbench.analysis.rows.noted import NotedTable, noted
from unbench.analysis.rows.values import records
from unbench.reporting.figures.style import FAINT, KEY_LINE, Palette, draw_key, key_width, log_axis, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST = 24
"""Rows that fit into the legend."""

_LEVELS = {1e4: (8, 2), 1e3: (4, 2), 1e2: (1, 2)}
"""Bytes per image whose growth is drawn as a line to read by, and its dashes."""

_POINT: dict[str, Any] = {"linestyle": "none", "markersize": 6, "markeredgecolor": "white", "markeredgewidth": 0.5}
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
    from matplotlib.ticker import EngFormatter

    table, labels = data.table, tuple(data.table["label"])
    # A look of its own for each row: most are of one method.
    palette, in_bytes = Palette(labels), EngFormatter("B")
    rows = {label: {"color": palette.colour(label), "marker": palette.marker(label), **_POINT} for label in labels}
    guides: dict[float, tuple[str, dict[str, Any]]] = {
        level: (f"{in_bytes(level)} for each image", {"color": FAINT, "linewidth": 1.0, "linestyle": (0, dash)})
        for level, dash in _LEVELS.items()
    }
    entries = [*((shorten(label, 38), look) for label, look in rows.items()), *guides.values()]
    figure, panels = new_figure(
        title,
        ["Entries: images in the memory after unlearning.", *data.notes],
        max(2.5, KEY_LINE * len(entries)),
        (1, 2),
        margins=(0.75, key_width(entries), 0.12, 0.4),
        between=(0.8, 0),
    )
    shown = {"bytes": "bytes of the memory (log)", "delete_seconds": "seconds to delete the forget set (log)"}
    for panel, (column, words) in zip(panels, shown.items(), strict=True):
        known = table[table[column] > 0]
        for x, y, label in zip(known["entries"], known[column], known["label"], strict=True):
            panel.plot(x, y, zorder=3, **rows[label])
        log_axis(panel, "x", *_ends([*table["entries"]]))
        log_axis(panel, "y", *_ends([*known[column]] or [1.0]))
        panel.set(xlabel="entries, images (log)", ylabel=words)
        panel.grid(True)
    # Lines to read the size of one entry by, explained in the key, since texts would hide points.
    for level, (_, look) in guides.items():
        panels[0].axline((1, level), (10, 10 * level), zorder=1, **look)
    panels[0].yaxis.set_major_formatter(in_bytes)
    draw_key(panels[1], entries)
    return figure


def _ends(values: Sequence[float]) -> tuple[float, float]:
    """Return two or more whole powers of ten around some numbers: the least that a log axis can be read by."""
    low = math.floor(math.log10(min(values) / 1.3))
    return 10.0**low, 10.0 ** max(math.ceil(math.log10(max(values) * 1.3)), low + 1)
