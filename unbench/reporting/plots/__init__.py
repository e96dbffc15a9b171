"""Plots of the leaderboard: each one plain data first, sketched here, and drawn second, by the studio."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from unbench.progress import Progress
from unbench.reporting.cells import Cell, safe
from unbench.reporting.contest import Contest
from unbench.reporting.critical import CriticalDifference
from unbench.reporting.formatting import seed_span
from unbench.reporting.plots.ablation import ablation_data, draw_ablation
from unbench.reporting.plots.accuracy import accuracy_data, draw_accuracy
from unbench.reporting.plots.accuracy_gap import accuracy_gap_data, draw_accuracy_gap
from unbench.reporting.plots.audit import audit_data, draw_audit
from unbench.reporting.plots.confidence import confidence_data, confidence_look, draw_confidence
from unbench.reporting.plots.losses import draw_losses, losses_data, losses_look
from unbench.reporting.plots.memory import draw_memory, memory_data
from unbench.reporting.plots.outputs import look_at
from unbench.reporting.plots.ranks_diagram import critical_data, draw_critical_difference
from unbench.reporting.plots.roc import draw_roc, roc_look
from unbench.reporting.plots.roc_low import draw_roc_low, roc_low_data
from unbench.reporting.plots.sketch import Sketch
from unbench.reporting.plots.studio import Studio
from unbench.reporting.plots.style import Palette, PlotData
from unbench.reporting.plots.tradeoff import draw_tradeoff, tradeoff_data
from unbench.reporting.plots.tuning import draw_tuning, load_trials, tuning_data
from unbench.reporting.records import records

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


__all__ = ["Drawing", "Pictures", "Studio", "sketch_all"]


@dataclass(frozen=True)
class Drawing:
    """One plot: the names of its files, none where there was nothing to draw, and what it leaves out.

    `method` is the one whose ablations it shows; empty for plots that compare methods.
    """

    title: str
    files: tuple[str, ...]
    notes: tuple[str, ...]
    method: str = ""

    @property
    def file(self) -> str | None:
        """The picture that documents show: the PNG, else the SVG, which LaTeX cannot take."""
        return next((name for kind in (".png", ".svg") for name in self.files if name.endswith(kind)), None)


@dataclass(frozen=True)
class Pictures:
    """All plots of a report.

    Attributes:
        of_cells: by the slug of the cell; none of a cell whose plots were not to be drawn.
        of_ranks: critical differences, by preset; none of a preset without them.
        overall: what goes over all cells.
    """

    of_cells: Mapping[str, Sequence[Drawing]] = field(default_factory=dict)
    of_ranks: Mapping[str, Drawing] = field(default_factory=dict)
    overall: Sequence[Drawing] = ()

    @property
    def files(self) -> list[str]:
        """Names of everything that was written."""
        each = [drawing for drawings in self.of_cells.values() for drawing in drawings]
        return [name for one in (*each, *self.of_ranks.values(), *self.overall) for name in one.files]


@dataclass(frozen=True)
class _Plot:
    """A plot to be: the first part of its files' names, its title, what it shows and how that is drawn.

    `draw` takes data, title and palette.
    """

    name: str
    title: str
    heading: str
    data: PlotData
    draw: Callable[..., Figure]
    method: str = ""


def sketch_all(
    cells: Sequence[Cell],
    contests: Sequence[Contest],
    frame: pd.DataFrame,
    results: Path,
    studio: Studio,
    datasets: Sequence[str] | None,
    progress: Progress,
) -> Pictures:
    """Hand the studio a sketch of every plot of the cells, of their ranks and over all of them.

    Args:
        cells: of the leaderboard.
        contests: of these cells.
        frame: the runs behind them, as unbench.load_results gives them.
        results: where their per-example outputs are, and the trials of tuning.
        studio: draws them.
        datasets: names of those whose plots are drawn; None draws all. Ranks are drawn in any case.
        progress: shows how many cells are done.

    Raises:
        StoreError: the numbers behind a plot cannot be written, or a stored trial is corrupt.
    """
    shown = [cell for cell in cells if datasets is None or cell.rows.iloc[0]["dataset"] in datasets]
    ranks = _of_ranks(contests, studio)
    if not shown:
        return Pictures(of_ranks=ranks)
    # The palette is that of all cells, so that a method looks the same whatever else is drawn.
    palette, trials = Palette.of(cells), load_trials(results)
    of_cells = {
        cell.slug: [_drawing(plot, cell, palette, studio) for plot in _plots(cell, frame, results, trials)]
        for cell in progress.track(shown, "cells")
    }
    return Pictures(of_cells, ranks, _over_all(shown, studio))


def _drawing(plot: _Plot, cell: Cell, palette: Palette, studio: Studio) -> Drawing:
    """One plot of a cell as <plot>-<cell>."""
    title, draw = f"{plot.title}\n{plot.heading}", partial(plot.draw, palette=palette)
    files = studio.add(Sketch(f"{plot.name}-{cell.slug}", title, plot.data, draw, " ".join(palette.methods)))
    return Drawing(f"{plot.title}: {plot.heading}", files, plot.data.notes, plot.method)


def _over_all(cells: Sequence[Cell], studio: Studio) -> list[Drawing]:
    """How memories grow, whatever the presets of the cells; nothing where there is no memory."""
    data, title = memory_data(cells), "Growth of the memory with the images in it"
    files = studio.add(Sketch("memory", title, data, draw_memory))
    return [Drawing(title, files, data.notes)] if files else []


def _of_ranks(contests: Sequence[Contest], studio: Studio) -> dict[str, Drawing]:
    """The critical differences of each preset that has them as ranks-<preset>."""
    found = {}
    for contest in contests:
        tested, preset = contest.critical, contest.arena.preset
        if isinstance(tested, CriticalDifference):
            title, data = f"Mean ranks over the cells of preset {preset}", critical_data(tested)
            files = studio.add(Sketch(f"ranks-{safe(preset)}", title, data, draw_critical_difference))
            found[preset] = Drawing(title, files, data.notes)
    return found


def _plots(cell: Cell, frame: pd.DataFrame, results: Path, trials: pd.DataFrame) -> Iterator[_Plot]:
    """The plots of one cell, one at a time."""

    heading = f"{cell.title} · {cell.seeds}"
    yield _Plot("accuracy", "Accuracy after unlearning", heading, accuracy_data(cell.main), draw_accuracy)
    title = "Gap to the oracle against time (lower left is better)"
    yield _Plot("gap-time", title, heading, tradeoff_data(cell.main), draw_tradeoff)
    yield from _of_outputs(cell, frame, results)
    audit = audit_data(records(cell.rows))
    if len(audit.table):
        title = "Leakage audit: accuracy of each pathway alone, before and after deletion"
        yield _Plot("audit", title, heading, audit, draw_audit)
    tuning = tuning_data(trials, cell)
    if len(tuning.table) or tuning.notes:
        yield _Plot("tuning", "Tuning: the smallest validation gap so far", cell.title, tuning, draw_tuning)
    for study in cell.studies:
        method = study.method
        heading = f"{cell.title} · {seed_span(row['n_seeds'] for row in study.rows)}"
        title = f"Ablations of {method}: one hyper-parameter at a time"
        yield _Plot(f"ablation-{method}", title, heading, ablation_data(study), draw_ablation, method)
        title = f"Accuracy against gap, variants of {method} (upper left is better)"
        yield _Plot(f"accuracy-gap-{method}", title, heading, accuracy_gap_data(study), draw_accuracy_gap, method)


def _of_outputs(cell: Cell, frame: pd.DataFrame, results: Path) -> Iterator[_Plot]:
    """The plots of per-example outputs, which are read once for all of them."""

    heading = f"{cell.title} · {cell.seeds}"
    looks = {"roc": roc_look, "losses": losses_look, "confidence": confidence_look}
    seen = look_at(cell.main, frame, results, looks)
    if all(found.table.empty for found in seen.values()):
        # One line that says why, not one for each of them.
        yield _Plot("roc", "Membership inference, losses and confidence", heading, seen["roc"], draw_roc)
        return
    title = "Membership inference: forget set against test set"
    yield _Plot("roc", title, heading, seen["roc"], draw_roc)
    title = "Membership inference at low false-positive rates"
    yield _Plot("roc-low", title, heading, roc_low_data(seen["roc"]), draw_roc_low)
    title = "Losses before and after unlearning"
    yield _Plot("losses", title, heading, losses_data(seen["losses"]), draw_losses)
    title = "Confidence in each forgotten image, before and after unlearning"
    yield _Plot("confidence", title, heading, confidence_data(seen["confidence"], cell.main), draw_confidence)
