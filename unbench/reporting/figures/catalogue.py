"""The figures of a report: which there are, of what, and under which title."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from unbench.analysis.board.cells import BoardCell, safe
from unbench.analysis.board.formatting import seed_span
from unbench.analysis.board.ranks import CriticalDifference
from unbench.analysis.looks import confidence_look, losses_look, roc_look
from unbench.analysis.outputs import OutputsReader, tables_of_outputs
from unbench.reporting.figures.ablation import ablation_data, accuracy_gap_data, draw_ablation, draw_accuracy_gap
from unbench.reporting.figures.accuracy import accuracy_data, audit_data, draw_accuracy, draw_audit
from unbench.reporting.figures.confidence import confidence_data, draw_confidence
from unbench.reporting.figures.losses import draw_losses, losses_data
from unbench.reporting.figures.memory import draw_memory, memory_data
from unbench.reporting.figures.ranks_diagram import critical_data, draw_critical_difference
from unbench.reporting.figures.renderer import FigureSpec, Picture, Pictures
from unbench.reporting.figures.roc import draw_roc, draw_roc_low, roc_low_data
from unbench.reporting.figures.style import Palette
from unbench.reporting.figures.tradeoff import draw_tradeoff, tradeoff_data
from unbench.reporting.figures.tuning import draw_tuning, load_trials, tuning_data

if TYPE_CHECKING:
    import pandas as pd

    from unbench.analysis.board.cells import CrossSetting
    from unbench.progress import Progress
    from unbench.reporting.figures.renderer import Renderer


def draw_cells(
    cells: Sequence[BoardCell],
    reader: OutputsReader,
    renderer: Renderer,
    datasets: Sequence[str] | None,
    progress: Progress,
) -> Pictures:
    """Hand every figure of the cells, and over all of them, to the renderer.

    Args:
        cells: of the leaderboard.
        reader: of the results folder, which also has the trials of tuning.
        renderer: draws them.
        datasets: names of those whose figures are drawn; None draws all.
        progress: shows how many cells are done.

    Raises:
        StoreError: the numbers behind a figure cannot be written, or a stored trial is corrupt.
    """
    shown = [cell for cell in cells if datasets is None or cell.rows.iloc[0]["dataset"] in datasets]
    if not shown:
        return Pictures()
    # The palette is that of all cells, so that a method looks the same whatever else is drawn.
    palette, trials = Palette.of(cells), load_trials(reader.results)
    of_cells = {
        cell.slug: [_picture(spec, renderer) for spec in _of_cell(cell, palette, reader, trials)]
        for cell in progress.track(shown, "cells")
    }
    # How memories grow, whatever the presets of the cells.
    memory = FigureSpec("memory", "Growth of the memory with the images in it", memory_data(shown), draw_memory)
    return Pictures(of_cells, overall=[_picture(memory, renderer)] if len(memory.data.table) else [])


def draw_ranks(settings: Sequence[CrossSetting], renderer: Renderer) -> dict[str, Picture]:
    """Hand the critical differences of each preset that has them to the renderer; return the pictures by preset."""
    found = {}
    for setting in settings:
        tested, preset = setting.critical, setting.preset
        if isinstance(tested, CriticalDifference):
            title = f"Mean ranks over the cells of preset {preset}"
            spec = FigureSpec(f"ranks-{safe(preset)}", title, critical_data(tested), draw_critical_difference)
            found[preset] = _picture(spec, renderer)
    return found


def _picture(spec: FigureSpec, renderer: Renderer) -> Picture:
    title = f"{spec.title}: {spec.heading}" if spec.heading else spec.title
    return Picture(title, renderer.add(spec), spec.data.notes, spec.method)


def _of_cell(cell: BoardCell, palette: Palette, reader: OutputsReader, trials: pd.DataFrame) -> Iterator[FigureSpec]:
    """Yield the figures of one cell, each named <figure>-<cell>."""

    def named(name: str) -> str:
        return f"{name}-{cell.slug}"

    compared = partial(FigureSpec, heading=f"{cell.title} · {cell.seeds}", palette=palette)
    yield compared(named("accuracy"), "Accuracy after unlearning", accuracy_data(cell.main), draw_accuracy)
    title = "Gap to the oracle against time (lower left is better)"
    yield compared(named("gap-time"), title, tradeoff_data(cell.main, cell.oracle_of), draw_tradeoff)
    looks = {"roc": roc_look, "losses": losses_look, "confidence": confidence_look}
    seen = tables_of_outputs(cell.main, reader, looks)
    if all(found.table.empty for found in seen.values()):
        # One line that says why, not one for each of them.
        yield compared(named("roc"), "Membership inference, losses and confidence", seen["roc"], draw_roc)
    else:
        title = "Membership inference: forget set against test set"
        yield compared(named("roc"), title, seen["roc"], draw_roc)
        title = "Membership inference at low false-positive rates"
        yield compared(named("roc-low"), title, roc_low_data(seen["roc"]), draw_roc_low)
        title = "Losses before and after unlearning"
        yield compared(named("losses"), title, losses_data(seen["losses"]), draw_losses)
        title = "Confidence in each forgotten image, before and after unlearning"
        yield compared(named("confidence"), title, confidence_data(seen["confidence"], cell.oracle_of), draw_confidence)
    audit = audit_data(cell.records)
    if len(audit.table):
        title = "Leakage audit: accuracy of each pathway alone, before and after deletion"
        yield compared(named("audit"), title, audit, draw_audit)
    tuning = tuning_data(trials, cell)
    if len(tuning.table) or tuning.notes:
        title = "Tuning: the smallest validation gap so far"
        yield compared(named("tuning"), title, tuning, draw_tuning, heading=cell.title)
    for study in cell.studies:
        method = study.method
        heading = f"{cell.title} · {seed_span(row['n_seeds'] for row in study.rows)}"
        varied = partial(compared, heading=heading, method=method)
        title = f"Ablations of {method}: one hyper-parameter at a time"
        yield varied(named(f"ablation-{method}"), title, ablation_data(study), draw_ablation)
        title = f"Accuracy against gap, variants of {method} (upper left is better)"
        yield varied(named(f"accuracy-gap-{method}"), title, accuracy_gap_data(study), draw_accuracy_gap)
