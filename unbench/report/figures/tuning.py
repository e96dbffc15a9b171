"""Tuning curves: the smallest validation gap so far, over the trials of each method."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from unbench.analysis.board.formatting import points, shorten
from unbench.analysis.rows.labels import CELL
from unbench.analysis.rows.values import as_text
from unbench.config.reference_names import NOTHING
from unbench.experiment.tuning.search import TUNING_SEED
from unbench.report.figures.style import NOTHING_COLOUR, Palette, PlotData, new_figure
from unbench.store.schema import COLUMNS

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from unbench.analysis.board.cells import Cell

_SAME = ("method_version", "numerics_version")
"""Versions of which a curve has the newest alone."""
_NEEDED = (*CELL, "method", *_SAME, "seed", "run_key", "attempt", "started_at", "status", "val_gap")


def load_trials(results: Path) -> pd.DataFrame:
    """What a curve needs of every stored trial, named as in unbench.store.schema.COLUMNS; empty where nothing was
    tuned.

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


def tuning_data(trials: pd.DataFrame, cell: Cell) -> PlotData:
    """One row per trial: method, trial (from 1), status, gap (validation, points; missing where it has none), best.

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
        return PlotData(table)
    return PlotData(table[:0], ("No trial has a validation gap.",) if len(tried) else ())


def draw_tuning(data: PlotData, title: str, palette: Palette) -> Figure:
    """A step curve per method, marked where it improves, best at the bottom."""
    tried = data.table[data.table["method"] != NOTHING]
    curves = {str(method): rows for method, rows in tried.groupby("method") if rows["best"].notna().any()}
    ranked = sorted(curves.items(), key=lambda pair: (pair[1]["best"].min(), pair[0]))
    said = "Trial 1 has the method's defaults. Markers: trials that improve. On the right: the smallest gap of each."
    figure = new_figure(max(3.6, 0.9 + 0.155 * len(ranked)), title, [said, *data.notes])
    axes = figure.subplots()
    for method, rows in ranked:
        known = rows[rows["best"].notna()]
        improves = known["best"].diff().fillna(-1).to_numpy() < 0
        last = known["best"].iloc[-1]
        axes.plot(
            known["trial"].to_numpy(),
            known["best"].to_numpy(),
            drawstyle="steps-post",
            color=palette.colour(method),
            marker=palette.marker(method),
            markevery=improves.nonzero()[0].tolist(),
            markersize=4.5,
            markeredgecolor="white",
            markeredgewidth=0.4,
            linewidth=1.1,
            label=f"{points(last)}  {shorten(method, 24)}",
        )
    idle = data.table.loc[data.table["method"] == NOTHING, "best"].min()
    if idle == idle:
        look: dict[str, Any] = {"color": NOTHING_COLOUR, "linewidth": 1.0, "linestyle": (0, (5, 2))}
        axes.axhline(idle, label=f"{points(idle)}  doing nothing", **look)
    if tried["best"].min() > 0:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda gap, _: f"{gap:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xlim(0.6, tried["trial"].max() + 0.4)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("trial")
    axes.set_ylabel("smallest validation gap so far, points (log)")
    axes.grid(True)
    figure.legend(loc="outside right upper", fontsize=7, handlelength=2.2, labelspacing=0.35)
    return figure
