"""Every plot of a report, sketched: which there are, of what, and under which title."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from unbench.analysis.board.cells import Cell, safe
from unbench.analysis.board.critical import CriticalDifference
from unbench.analysis.board.cross_setting import CrossSetting
from unbench.analysis.board.formatting import seed_span
from unbench.analysis.rows.records import records
from unbench.progress import Progress
from unbench.report.figures.ablation import ablation_data, draw_ablation
from unbench.report.figures.accuracy import accuracy_data, draw_accuracy
from unbench.report.figures.accuracy_gap import accuracy_gap_data, draw_accuracy_gap
from unbench.report.figures.audit import audit_data, draw_audit
from unbench.report.figures.confidence import confidence_data, confidence_look, draw_confidence
from unbench.report.figures.drawing import Drawing, Pictures
from unbench.report.figures.losses import draw_losses, losses_data, losses_look
from unbench.report.figures.memory import draw_memory, memory_data
from unbench.report.figures.outputs import look_at
from unbench.report.figures.ranks_diagram import critical_data, draw_critical_difference
from unbench.report.figures.roc import draw_roc, roc_look
from unbench.report.figures.roc_low import draw_roc_low, roc_low_data
from unbench.report.figures.sketch import Sketch
from unbench.report.figures.studio import Studio
from unbench.report.figures.style import Palette, PlotData
from unbench.report.figures.tradeoff import draw_tradeoff, tradeoff_data
from unbench.report.figures.tuning import draw_tuning, load_trials, tuning_data

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def sketch_cells(
    cells: Sequence[Cell],
    frame: pd.DataFrame,
    results: Path,
    studio: Studio,
    datasets: Sequence[str] | None,
    progress: Progress,
) -> Pictures:
    """Hand the studio a sketch of every plot of the cells and over all of them.

    Args:
        cells: of the leaderboard.
        frame: the runs behind them, as unbench.load_results gives them.
        results: where their per-example outputs are, and the trials of tuning.
        studio: draws them.
        datasets: names of those whose plots are drawn; None draws all.
        progress: shows how many cells are done.

    Raises:
        StoreError: the numbers behind a plot cannot be written, or a stored trial is corrupt.
    """
    shown = [cell for cell in cells if datasets is None or cell.rows.iloc[0]["dataset"] in datasets]
    if not shown:
        return Pictures()
    # The palette is that of all cells, so that a method looks the same whatever else is drawn.
    palette, trials = Palette.of(cells), load_trials(results)
    of_cells = {
        cell.slug: [_drawing(sketch, studio) for sketch in _of_cell(cell, palette, frame, results, trials)]
        for cell in progress.track(shown, "cells")
    }
    # How memories grow, whatever the presets of the cells.
    memory = Sketch("memory", "Growth of the memory with the images in it", memory_data(shown), draw_memory)
    return Pictures(of_cells, overall=[_drawing(memory, studio)] if len(memory.data.table) else [])


def sketch_ranks(contests: Sequence[CrossSetting], studio: Studio) -> dict[str, Drawing]:
    """The same for the critical differences of each preset that has them, by preset: ranks-<preset>."""
    found = {}
    for contest in contests:
        tested, preset = contest.critical, contest.preset
        if isinstance(tested, CriticalDifference):
            title = f"Mean ranks over the cells of preset {preset}"
            sketch = Sketch(f"ranks-{safe(preset)}", title, critical_data(tested), draw_critical_difference)
            found[preset] = _drawing(sketch, studio)
    return found


def _drawing(sketch: Sketch, studio: Studio) -> Drawing:
    title = f"{sketch.title}: {sketch.heading}" if sketch.heading else sketch.title
    return Drawing(title, studio.add(sketch), sketch.data.notes, sketch.method)


def _of_cell(
    cell: Cell, palette: Palette, frame: pd.DataFrame, results: Path, trials: pd.DataFrame
) -> Iterator[Sketch]:
    """The plots of one cell, one at a time, each as <plot>-<cell>."""
    compared = f"{cell.title} · {cell.seeds}"

    def sketch(
        name: str, title: str, data: PlotData, draw: Callable[..., Figure], heading: str = compared, method: str = ""
    ) -> Sketch:
        return Sketch(f"{name}-{cell.slug}", title, data, draw, heading, palette, method)

    yield sketch("accuracy", "Accuracy after unlearning", accuracy_data(cell.main), draw_accuracy)
    title = "Gap to the oracle against time (lower left is better)"
    yield sketch("gap-time", title, tradeoff_data(cell.main, cell.oracle_of), draw_tradeoff)
    looks = {"roc": roc_look, "losses": losses_look, "confidence": confidence_look}
    # The per-example outputs are read once for all plots of them.
    seen = look_at(cell.main, frame, results, looks)
    if all(found.table.empty for found in seen.values()):
        # One line that says why, not one for each of them.
        yield sketch("roc", "Membership inference, losses and confidence", seen["roc"], draw_roc)
    else:
        yield sketch("roc", "Membership inference: forget set against test set", seen["roc"], draw_roc)
        title = "Membership inference at low false-positive rates"
        yield sketch("roc-low", title, roc_low_data(seen["roc"]), draw_roc_low)
        yield sketch("losses", "Losses before and after unlearning", losses_data(seen["losses"]), draw_losses)
        title = "Confidence in each forgotten image, before and after unlearning"
        yield sketch("confidence", title, confidence_data(seen["confidence"], cell.oracle_of), draw_confidence)
    audit = audit_data(records(cell.rows))
    if len(audit.table):
        title = "Leakage audit: accuracy of each pathway alone, before and after deletion"
        yield sketch("audit", title, audit, draw_audit)
    tuning = tuning_data(trials, cell)
    if len(tuning.table) or tuning.notes:
        yield sketch("tuning", "Tuning: the smallest validation gap so far", tuning, draw_tuning, cell.title)
    for study in cell.studies:
        method = study.method
        heading = f"{cell.title} · {seed_span(row['n_seeds'] for row in study.rows)}"
        title = f"Ablations of {method}: one hyper-parameter at a time"
        yield sketch(f"ablation-{method}", title, ablation_data(study), draw_ablation, heading, method)
        title = f"Accuracy against gap, variants of {method} (upper left is better)"
        yield sketch(f"accuracy-gap-{method}", title, accuracy_gap_data(study), draw_accuracy_gap, heading, method)
