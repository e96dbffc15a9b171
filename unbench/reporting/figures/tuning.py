"""Tuning curves: the smallest validation gap so far, over the trials of each method."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unbench.analysis.board.formatting import points, shorten
from unbench.analysis.rows.labels import CELL
from unbench.analysis.rows.noted import NotedTable
from unbench.analysis.rows.values import as_text
from unbench.config.reference_names import NOTHING
from unbench.experiment.tuning.search import TUNING_SEED
from unbench.reporting.figures.labels import text_width
from unbench.reporting.figures.layout import KEY_LINE, KEY_SIZE, PanelRow, draw_key, new_figure
from unbench.reporting.figures.style import NOTHING_COLOUR, Palette
from unbench.store.schema import COLUMNS

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from unbench.analysis.board.cells import BoardCell

_CURVE: dict[str, Any] = {"markersize": 4.5, "markeredgecolor": "white", "markeredgewidth": 0.4, "linewidth": 1.1}
_IDLE: dict[str, Any] = {"color": NOTHING_COLOUR, "linewidth": 1.0, "linestyle": (0, (5, 2))}
_SAME = ("method_version", "numerics_version")
"""Versions of which a curve has the newest alone."""
_NEEDED = (*CELL, "method", *_SAME, "seed", "run_key", "attempt", "started_at", "status", "val_gap")


def load_trials(results: Path) -> pd.DataFrame:
    """Read what a curve needs of every stored trial; empty where nothing was tuned.

    Columns are named as in unbench.store.schema.COLUMNS.

    They are in RESULTS/tuning, a results folder of its own, or gathered in RESULTS/tuning/trials.parquet.

    Raises:
        StoreError: a file is corrupt or from a newer version of unbench.
    """
    import pandas as pd

    from unbench.store.results import load_results
    from unbench.store.tables import read_table

    folder = results / "tuning"
    parts = []
    if (folder / "runs").is_dir():
        parts.append(load_results(folder, attempts="all"))
    if (folder / "trials.parquet").is_file():
        parts.append(read_table(folder / "trials.parquet", COLUMNS).to_pandas())
    if not parts:
        return pd.DataFrame(columns=list(_NEEDED))
    trials = pd.concat([part[list(_NEEDED)] for part in parts], ignore_index=True)
    return trials[trials["seed"] == TUNING_SEED].drop_duplicates(["run_key", "attempt"])


def tuning_data(trials: pd.DataFrame, cell: BoardCell) -> NotedTable:
    """Return one row per trial: method, trial (from 1), status, gap (of validation, in points, or missing), best.

    `best` is the smallest gap so far, missing before the first. Trials are in the order in which they began, told in
    whole seconds: those of one second are in the order of their keys. The final, on other forget sets, is no trial.
    Empty, with a note, where no trial has a gap.

    Args:
        trials: as load_trials gives them.
        cell: whose data set, images, scenario, preset and model they are of.
    """
    import pandas as pd

    columns = ["method", "trial", "status", "gap", "best"]
    own = trials
    for name in CELL:
        own = own[own[name].map(as_text) == as_text(cell.rows.iloc[0][name])]
    parts = []
    for method, rows in own.groupby("method", sort=True):
        for name in _SAME:
            versions = rows[name].fillna(1)
            rows = rows[versions == versions.max()]
        rows = rows.sort_values(["started_at", "run_key", "attempt"], kind="stable").drop_duplicates("run_key")
        gap = rows["val_gap"].astype("float64")
        trial = range(1, len(rows) + 1)
        made = {
            "method": str(method),
            "trial": trial,
            "status": rows["status"],
            "gap": gap,
            "best": gap.cummin().ffill(),
        }
        parts.append(pd.DataFrame(made))
    table = pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)
    tried = table[table["method"] != NOTHING]
    if tried["best"].notna().any():
        return NotedTable(table)
    return NotedTable(table[:0], ("No trial has a validation gap.",) if len(tried) else ())


def draw_tuning(data: NotedTable, title: str, palette: Palette) -> Figure:
    """Draw a step curve per method, marked where it improves, best at the bottom."""
    tried = data.table[data.table["method"] != NOTHING]
    curves = {str(method): rows for method, rows in tried.groupby("method") if rows["best"].notna().any()}
    ranked = sorted(curves.items(), key=lambda pair: (pair[1]["best"].min(), pair[0]))
    looks = {method: {"color": palette.colour(method), "marker": palette.marker(method), **_CURVE} for method in curves}
    entries = [(f"{points(rows['best'].min())}  {shorten(method, 24)}", looks[method]) for method, rows in ranked]
    idle = data.table.loc[data.table["method"] == NOTHING, "best"].min()
    if idle == idle:
        entries.append((f"{points(idle)}  doing nothing", _IDLE))
    said = "Trial 1 has the method's defaults. Markers: trials that improve. On the right: the smallest gap of each."
    row = PanelRow(0.12, max(2.8, KEY_LINE * len(entries)))
    right = 0.5 + text_width((text for text, _ in entries), KEY_SIZE)
    figure, (axes,) = new_figure(title, [said, *data.notes], [row], right=right)
    for method, rows in ranked:
        known = rows[rows["best"].notna()]
        improves = known["best"].diff().fillna(-1).to_numpy() < 0
        marked = improves.nonzero()[0].tolist()
        trials, best = known["trial"].to_numpy(), known["best"].to_numpy()
        axes.plot(trials, best, drawstyle="steps-post", markevery=marked, **looks[method])
    if idle == idle:
        axes.axhline(idle, **_IDLE)
    if tried["best"].min() > 0:
        _log_axis(axes)
    axes.set_xlim(0.6, tried["trial"].max() + 0.4)
    axes.locator_params(axis="x", integer=True)
    axes.set_xlabel("trial")
    axes.set_ylabel("smallest validation gap so far, points (log)")
    axes.grid(True)
    draw_key(axes, "right", entries)
    return figure


def _log_axis(axes: Axes) -> None:
    """Make the vertical axis logarithmic, with numbers at 1, 2 and 5 of each power of ten."""
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [step * 10.0**power for power in powers for step in (1, 2, 5)]
    axes.set_yticks(ticks, [f"{gap:g}" for gap in ticks])
    axes.yaxis.set_minor_formatter("")
    axes.set_ylim(low, high)
