"""ROC curves of the loss attack, forget set against test set, from the stored outputs."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from unbench.errors import StoreError
from unbench.metrics.attacks import SCORES, attack
from unbench.metrics.outputs import MissingValue, Model, RunOutputs
from unbench.reporting.formatting import points, seed_words, shorten
from unbench.reporting.leaderboard import NOTHING, ORACLE
from unbench.reporting.plots.style import FAINT, ORACLE_COLOUR, Palette, PlotData, new_figure
from unbench.reporting.records import records

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

MODELS: tuple[Model, ...] = ("original", "oracle", "unlearned")
MOST = 24
"""Panels that fit on a page; the best come first."""
_GRID = np.linspace(0, 1, 401)


def roc_data(rows: pd.DataFrame, frame: pd.DataFrame, results: Path) -> PlotData:
    """One row per corner of each curve: label, method, model, seed, auroc (percent), fpr, tpr.

    A curve per seed and model (original, oracle, unlearned), exact: the area under its points is its auroc.
    The reference methods are left out beside others, since their curves are in every panel: retrain is the
    oracle and none the original.

    Args:
        rows: of one cell of the leaderboard.
        frame: the runs, as unbench.load_results gives them.
        results: the folder with their outputs.
    """
    import pandas as pd

    shown = rows[(rows["n_seeds"] > 0)]
    others = shown[~shown["method"].isin([ORACLE, NOTHING])]
    chosen = others if len(others) else shown
    keys = {key for text in chosen["run_keys"].head(MOST) for key in text.split()}
    runs = {run["run_key"]: run for run in records(frame[(frame["status"] == "ok") & frame["run_key"].isin(keys)])}
    parts: list[pd.DataFrame] = []
    notes: list[str] = []
    if len(chosen) > MOST:
        notes.append(f"Not drawn for want of room: {len(chosen) - MOST} rows with a larger gap.")
    for row in records(chosen.head(MOST)):
        lacking: dict[str, list[int]] = {}
        for key in row["run_keys"].split():
            run = runs[key]
            try:
                outputs = _outputs(results, run)
            except StoreError as error:
                lacking.setdefault(str(error), []).append(run["seed"])
                continue
            for model in MODELS:
                try:
                    curve = _curve(outputs, model)
                except MissingValue as error:
                    lacking.setdefault(f"no curve of its {model} model: {error}", []).append(run["seed"])
                    continue
                parts.append(curve.assign(label=row["label"], method=row["method"], model=model, seed=run["seed"]))
        notes += [f"{row['label']}: {reason} ({seed_words(seeds)})." for reason, seeds in lacking.items()]
    columns = ["label", "method", "model", "seed", "auroc", "fpr", "tpr"]
    table = pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)
    failed = [str(label) for label in rows.loc[rows["n_seeds"] == 0, "label"]]
    if failed:
        notes.append(f"Without an ok run: {', '.join(failed)}.")
    return PlotData(table, tuple(notes))


def draw_roc(data: PlotData, title: str, palette: Palette) -> Figure | None:
    """A panel per row with its original and its own oracle; None if there is nothing to draw."""
    table = data.table
    if table.empty:
        return None
    labels = list(dict.fromkeys(table["label"]))
    across = min(3 if len(labels) <= 9 else 4, len(labels))
    down = math.ceil(len(labels) / across)
    notes = data.notes
    said = "Numbers: AUROC in percent; 50 is chance (dotted)."
    if table["seed"].nunique() > 1:
        said += " Curves: mean true positive rate over seeds; ± sample standard deviation over seeds."
    figure = new_figure(0.75 + (2.75 if across < 4 else 2.2) * down, title, (said, *notes))
    panels = figure.subplots(down, across, squeeze=False, sharex=True, sharey=True).flatten()
    for panel, label in zip(panels, labels, strict=False):
        _panel(panel, table[table["label"] == label], str(label), palette)
    for number, panel in enumerate(panels):
        if number >= len(labels):
            panel.set_visible(False)
        if number + across >= len(labels):
            panel.tick_params(labelbottom=True)
            panel.set_xlabel("false positive rate")
        if number % across == 0:
            panel.set_ylabel("true positive rate")
    return figure


def mean_curve(table: pd.DataFrame) -> NDArray[np.float64]:
    """Mean over seeds of the true positive rate at each false positive rate of a fixed grid, (401,)."""
    rates = [np.interp(_GRID, curve["fpr"], curve["tpr"]) for _, curve in table.groupby("seed", sort=True)]
    return np.asarray(np.mean(rates, axis=0), dtype=np.float64)


def _panel(panel: Axes, table: pd.DataFrame, label: str, palette: Palette) -> None:
    panel.plot([0, 1], [0, 1], color=FAINT, linewidth=0.8, linestyle=(0, (1, 2)))
    looks: dict[str, dict[str, Any]] = {
        "original": {"color": "#7F7F7F", "linestyle": (0, (4, 2)), "linewidth": 1.1},
        "oracle": {"color": ORACLE_COLOUR, "linestyle": "-", "linewidth": 1.0},
        "unlearned": {
            "color": palette.colour(str(table["method"].iloc[0])),
            "linestyle": "-",
            "linewidth": 1.7,
        },
    }
    for model in MODELS:
        part = table[table["model"] == model]
        if part.empty:
            continue
        areas = part.groupby("seed")["auroc"].first()
        text = f"{model} {points(areas.mean(), areas.std(ddof=1), 1)}"
        if part["seed"].nunique() == 1:
            panel.plot(part["fpr"], part["tpr"], label=text, **looks[model])
        else:
            panel.plot(_GRID, mean_curve(part), label=text, **looks[model])
    panel.set_aspect("equal")
    panel.set_xlim(-0.01, 1.01)
    panel.set_ylim(-0.01, 1.01)
    panel.set_xticks([0, 0.5, 1])
    panel.set_yticks([0, 0.5, 1])
    panel.grid(True)
    # Above the panel: a curve can pass through any corner inside it.
    panel.legend(
        title=shorten(label, 36),
        title_fontproperties={"weight": "bold", "size": 8},
        alignment="left",
        loc="lower left",
        bbox_to_anchor=(-0.03, 0.98),
        fontsize=7,
        handlelength=1.8,
        labelspacing=0.25,
    )


def _outputs(results: Path, run: dict[str, Any]) -> RunOutputs:
    """The outputs of one run; raises StoreError with a reason that names no folder of this machine."""
    from unbench.evaluation.rows import forget_class
    from unbench.store import Store, load_outputs

    if not Store(results).outputs_path(run).is_file():
        raise StoreError("no per-example outputs are stored")
    forgotten = forget_class(run)
    try:
        return RunOutputs.from_table(load_outputs(results, run), forgotten)
    except StoreError as error:
        raise StoreError(f"its per-example outputs are corrupt: {run['run_key']}-{run['attempt']}.parquet") from error


def _curve(outputs: RunOutputs, model: Model) -> pd.DataFrame:
    import pandas as pd

    curve = attack(outputs, model, SCORES["loss"])
    area, fpr, tpr = 100 * curve.area(), curve.fpr, curve.tpr
    return pd.DataFrame({"auroc": area, "fpr": fpr, "tpr": tpr})
