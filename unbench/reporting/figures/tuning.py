"""Tuning curves: the smallest validation gap so far, over the trials of each method."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from unbench.analysis.board.formatting import points, shorten
from unbench.analysis.rows.labels import CELL
from unbench.analysis.rows.noted import NotedTable
from unbench.analysis.rows.values import as_text
from unbench.config.reference_names import NOTHING
from unbench.experiment.tuning.search import TUNING_SEED
from unbench.reporting.figures.style import (
    KEY_LINE,
    NOTHING_COLOUR,
    Palette,
    draw_key,
    key_width,
    log_axis,
    new_figure,
)
from unbench.store.schema import COLUMNS

if TYPE_CHECKING:
    import pandas as pd
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
    own = trials
    for name in CELL:
        own = own[own[name].map(as_text) == as_text(cell.rows.iloc[0][name])]
    for name in _SAME:
        versions = own[name].fillna(1)
        own = own[versions == versions.groupby(own["method"]).transform("max")]
    own = own.sort_values(["method", "started_at", "run_key", "attempt"], kind="stable").drop_duplicates("run_key")
    table = own.assign(gap=own["val_gap"].astype("float64"), trial=own.groupby("method").cumcount() + 1)
    table["best"] = table.groupby("method")["gap"].cummin().groupby(table["method"]).ffill()
    table = table[["method", "trial", "status", "gap", "best"]].reset_index(drop=True)
    tried = table[table["method"] != NOTHING]
    if tried["best"].notna().any():
        return NotedTable(table)
    return NotedTable(table[:0], ("No trial has a validation gap.",) if len(tried) else ())


def draw_tuning(data: NotedTable, title: str, palette: Palette) -> Figure:
    """Draw a step curve per method, marked where it improves, best at the bottom."""
    tried = data.table[(data.table["method"] != NOTHING) & data.table["best"].notna()]
    by_method = {str(name): rows for name, rows in tried.groupby("method")}
    ranked = sorted(by_method.items(), key=lambda pair: (pair[1]["best"].min(), pair[0]))
    curves = [
        (rows, {"color": palette.colour(name), "marker": palette.marker(name), **_CURVE}) for name, rows in ranked
    ]
    entries = [
        (f"{points(rows['best'].min())}  {shorten(name, 24)}", look)
        for (name, rows), (_, look) in zip(ranked, curves, strict=True)
    ]
    idle = data.table.loc[data.table["method"] == NOTHING, "best"].min()
    if idle == idle:
        entries.append((f"{points(idle)}  doing nothing", _IDLE))
    said = "Trial 1 has the method's defaults. Markers: trials that improve. On the right: the smallest gap of each."
    height, right = max(2.8, KEY_LINE * len(entries)), key_width(entries)
    figure, (axes,) = new_figure(title, [said, *data.notes], height, margins=(0.55, right, 0.12, 0.4))
    for rows, look in curves:
        improves = (rows["best"].diff().fillna(-1) < 0).to_numpy().nonzero()[0].tolist()
        axes.plot(rows["trial"], rows["best"], drawstyle="steps-post", markevery=improves, **look)
    if idle == idle:
        axes.axhline(idle, **_IDLE)
    best = data.table["best"]
    if best.min() > 0:
        log_axis(axes, "y", 0.9 * best.min(), 1.1 * best.max(), steps=(1, 2, 5))
    axes.set_xlim(0.6, tried["trial"].max() + 0.4)
    axes.locator_params(axis="x", integer=True)
    axes.set(xlabel="trial", ylabel="smallest validation gap so far, points (log)")
    axes.grid(True)
    draw_key(axes, entries)
    return figure
