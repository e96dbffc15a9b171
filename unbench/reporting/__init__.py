"""Reports: everything a reader sees, as a pure function of what is stored and of the methods' cards.

The same results give the same bytes, so that reports can be committed and compared: no time and no folder
name enters them. The cards determine a method's default hyper-parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from unbench.analysis.board.selection import Filters
from unbench.analysis.rows.defaults import tuned_values_of
from unbench.errors import UnknownNameError
from unbench.progress import Progress

if TYPE_CHECKING:
    import pandas as pd

    from unbench.analysis.board.cells import BoardCell
    from unbench.reporting.figures.renderer import Renderer
    from unbench.reporting.provenance import Provenance

__all__ = ["FORMATS", "PLOT_FORMATS", "ReportOptions", "report"]

FILES = {kind: f"leaderboard.{kind}" for kind in ("md", "csv", "tex", "html")} | {"explorer": "explorer.html"}
FORMATS = tuple(FILES)
"""Formats of a report: the leaderboard in four, and a page to explore it in."""

PLOT_FORMATS = ("png", "svg")
"""Formats of plots."""


class ReportOptions(Filters, total=False):
    """What a report covers and how it is written, beside the filters.

    Attributes:
        metric: what rows are ranked by and cells are set side by side by: a metric, or a column of the leaderboard.
        formats: of FORMATS; None, the default, writes all.
        plots: names of data sets to draw plots of; None, the default, draws all, nothing draws none.
        plot_formats: of PLOT_FORMATS; png by default.
        plot_data: whether the numbers behind each plot are written beside it, as CSV; not by default.
        images: whether the explorer may hold small copies of forgotten images if their files are at hand; by default.
    """

    metric: str
    formats: Sequence[str] | None
    plots: Sequence[str] | None
    plot_formats: Sequence[str]
    plot_data: bool
    images: bool


def report(
    results: Path | str = "results",
    out: Path | str = "reports",
    *,
    show: Callable[[Sequence[BoardCell]], None] | None = None,
    log: Callable[[str], None] = lambda line: None,
    progress: Progress | None = None,
    **options: Unpack[ReportOptions],
) -> list[Path]:
    """Write OUT/leaderboard.*, OUT/explorer.html and the plots; return the paths written.

    Args:
        results: the results folder.
        out: the folder to write in, created if needed.
        show: takes the cells of the leaderboard once everything is written.
        log: takes a line if the explorer is left out because its extra is not installed.
        progress: shows how much is drawn and read.
        options: see ReportOptions.

    Raises:
        StoreError: the results folder does not exist or holds a corrupt shard, or OUT cannot be written.
        CardError: the cards cannot be read.
        UnknownNameError: a name that no run has, or no such format or metric; the message offers the nearest one.
    """
    from unbench.reporting.explorer import writable_formats

    check_options(options)
    formats = writable_formats(options.get("formats") or None, FORMATS, log)
    files = {name: Path(out) / file for name, file in FILES.items() if name in formats}
    renderer = None
    if {"md", "html"} & files.keys():
        from unbench.reporting.figures.renderer import MOST_WORKERS, Renderer

        # Its processes start while the rest is imported and rows are read. Without plots there are the diagrams of
        # ranks alone.
        workers = MOST_WORKERS if options.get("plots") is None or options.get("plots") else 1
        kinds, data = options.get("plot_formats", ("png",)), options.get("plot_data", False)
        renderer = Renderer(Path(out), kinds, data, workers)
    from unbench.analysis.board.cells import board_ranks
    from unbench.reporting.documents import leaderboard_csv
    from unbench.store.files import write_text

    with tuned_values_of(results):
        source = _Source.read(Path(results), options)
        # The numbers first: an OUT that cannot be written is found before any time goes into drawing.
        if "csv" in files:
            write_text(files["csv"], leaderboard_csv(source.board, board_ranks(source.cells), source.provenance))
        written, drawn = _documents(source, files, renderer, options, progress or Progress())
        for name, content in written.items():
            write_text(files[name], content)
        if show is not None:
            show(source.cells)
    return [*files.values(), *(Path(out) / name for name in drawn)]


def check_options(options: Mapping[str, Any]) -> None:
    """Check the names among the options that need no results.

    Raises:
        UnknownNameError: there is no such format or metric.
        TypeError: there is no such option.
    """
    from unbench.analysis.board.rank_basis import BY_GAP, rank_basis

    if unknown := options.keys() - ReportOptions.__annotations__.keys():
        raise TypeError(f"report() got an unexpected keyword argument '{min(unknown)}'")
    for kind, key, known in (("format", "formats", FORMATS), ("plot format", "plot_formats", PLOT_FORMATS)):
        for name in options.get(key) or ():
            if name not in known:
                raise UnknownNameError(kind, name, known)
    rank_basis(options.get("metric", BY_GAP.metric))


@dataclass(frozen=True)
class _Source:
    """What a report is made from: the runs that pass its filters, their leaderboard, and where they come from."""

    results: Path
    frame: pd.DataFrame
    board: pd.DataFrame
    cells: Sequence[BoardCell]
    provenance: Provenance

    @classmethod
    def read(cls, results: Path, options: ReportOptions) -> _Source:
        from unbench.analysis.board.cells import split_cells
        from unbench.analysis.board.leaderboard import leaderboard
        from unbench.analysis.board.metric_column import with_metric
        from unbench.analysis.board.rank_basis import BY_GAP, rank_basis
        from unbench.analysis.board.selection import check_stored, select
        from unbench.reporting.provenance import Provenance
        from unbench.store.results import load_metrics, load_results

        everything = load_results(results)
        frame = select(everything, options)
        check_stored("datasets", options.get("plots") or (), everything)
        basis = rank_basis(options.get("metric", BY_GAP.metric))
        board = leaderboard(frame)
        if basis != BY_GAP:
            board = with_metric(board, frame, load_metrics(results), basis)
        return cls(results, frame, board, split_cells(board, basis), Provenance.of(frame, options))


def _documents(
    source: _Source,
    files: Mapping[str, Path],
    renderer: Renderer | None,
    options: ReportOptions,
    progress: Progress,
) -> tuple[dict[str, str], list[str]]:
    """Draw the plots and write the documents; return texts by format and names of the plots, which are complete."""
    from unbench.analysis.board.cells import cross_settings
    from unbench.analysis.looks import digest_outputs
    from unbench.analysis.outputs import OutputsReader
    from unbench.reporting.documents import leaderboard_html, leaderboard_markdown
    from unbench.reporting.figures.renderer import Pictures

    reader = OutputsReader(source.results, source.frame, {"digest": digest_outputs} if "explorer" in files else {})
    settings = cross_settings(source.cells)
    texts: dict[str, str] = {}
    pictures = Pictures()
    if renderer is not None:
        from unbench.reporting.figures.catalogue import draw_cells, draw_ranks

        pictures = draw_cells(source.cells, reader, renderer, options.get("plots"), progress.named("plots"))
        pictures = replace(pictures, of_ranks=draw_ranks(settings, renderer))
        texts["md"] = leaderboard_markdown(source.cells, pictures, source.provenance, settings)
        if "html" in files:
            texts["html"] = leaderboard_html(texts["md"])
    if "tex" in files:
        from unbench.reporting.latex import leaderboard_latex
        from unbench.reporting.preset_tables import paper_tables

        texts["tex"] = leaderboard_latex(paper_tables(source.cells, settings), source.provenance)
    if "explorer" in files:
        from unbench.reporting.explorer.page import explorer_html

        images, named = options.get("images", True), progress.named("explorer")
        texts["explorer"] = explorer_html(source.cells, source.frame, reader, images, source.provenance, named)
    if renderer is not None:
        renderer.finish(progress.named("plots"))
    return {name: text for name, text in texts.items() if name in files}, pictures.files
