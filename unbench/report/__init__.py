"""Reports: everything a reader sees, as a pure function of what is stored and of the methods' cards.

The same results give the same bytes, so that reports can be committed and compared: no time and no folder
name enters them. From the cards comes what a method's default hyper-parameters are.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from unbench.errors import UnknownNameError
from unbench.progress import Progress

if TYPE_CHECKING:
    import pandas as pd

    from unbench.analysis.board.changes import Changes

__all__ = ["FORMATS", "PLOT_FORMATS", "report"]

FILES = {
    "md": "leaderboard.md",
    "csv": "leaderboard.csv",
    "tex": "leaderboard.tex",
    "html": "leaderboard.html",
    "explorer": "explorer.html",
}
FORMATS = tuple(FILES)
"""What a report can be written as: the leaderboard in four ways, and a page to explore it in."""

PLOT_FORMATS = ("png", "svg")
"""What plots can be written as."""


def report(
    results: Path | str = "results",
    out: Path | str = "reports",
    show: Callable[[pd.DataFrame, Changes | None], None] | None = None,
    *,
    datasets: Sequence[str] = (),
    methods: Sequence[str] = (),
    families: Sequence[str] = (),
    data_families: Sequence[str] = (),
    scenarios: Sequence[str] = (),
    presets: Sequence[str] = (),
    metric: str = "avg_gap",
    formats: Sequence[str] | None = None,
    plots: Sequence[str] | None = None,
    plot_formats: Sequence[str] = ("png",),
    plot_data: bool = False,
    images: bool = True,
    diff: Path | str | None = None,
    log: Callable[[str], None] = lambda line: None,
    progress: Progress | None = None,
) -> list[Path]:
    """Write OUT/leaderboard.*, OUT/explorer.html and the plots; return the paths written.

    Args:
        results: the results folder.
        out: the folder to write in, made if it is not there.
        show: called with the leaderboard, and what changed on it, once everything is written.
        datasets: to keep, by name; as all filters, empty keeps everything.
        methods: to keep, by name.
        families: of methods to keep: post-hoc, by-design, reference.
        data_families: of data sets to keep: natural, fine-grained, medical and what other cards have.
        scenarios: to keep, by name.
        presets: to keep, by name.
        metric: what is set side by side where a preset has several cells: a column of runs that is averaged.
        formats: of FORMATS; None writes all, without the explorer where its extra is not installed.
        plots: names of data sets to draw plots of; None draws all, nothing draws none.
        plot_formats: of PLOT_FORMATS, at least one.
        plot_data: whether the numbers behind each plot are written beside it, as CSV.
        images: whether the explorer may hold small copies of forgotten images, where their files are at hand.
        diff: other results, a folder or FOLDER@COMMIT, to mark what changed since; the filters go for them too.
        tell: is given a line about each thing that a comparison leaves out.
        progress: shows how far drawing and reading are.

    Raises:
        StoreError: a results folder does not exist or holds a corrupt shard, or OUT cannot be written; or there are
            no runs in the folder to compare with.
        SpecError: what to compare with is no folder, or has no such commit.
        CardError: the cards cannot be read.
        UnknownNameError: a name that no run has, or no such format or metric; the message offers the nearest one.
    """
    from unbench.analysis.board.cells import split_cells
    from unbench.analysis.board.contest import contests
    from unbench.analysis.board.leaderboard import leaderboard
    from unbench.analysis.board.ranks import board_ranks
    from unbench.analysis.board.selection import Selection, check_stored
    from unbench.analysis.looks import digest_outputs
    from unbench.analysis.outputs import OutputsReader
    from unbench.report.csv import leaderboard_csv
    from unbench.report.explorer import writable_formats
    from unbench.report.markdown import leaderboard_markdown
    from unbench.report.origin import Origin
    from unbench.store.files import write_text
    from unbench.store.results import load_results

    check_request(formats or (), metric, plot_formats)
    formats = writable_formats(formats, FORMATS, log)
    selection = Selection(
        datasets=tuple(datasets),
        methods=tuple(methods),
        families=tuple(families),
        data_families=tuple(data_families),
        scenarios=tuple(scenarios),
        presets=tuple(presets),
    )
    documents = set(formats) - {"csv", "explorer"}
    renderer = None
    if documents:
        from unbench.report.figures.renderer import MOST_WORKERS, Renderer

        # Its processes start while rows are read. Without plots there are the diagrams of ranks alone.
        workers = MOST_WORKERS if plots is None or plots else 1
        renderer = Renderer(Path(out), plot_formats, plot_data, workers)
    everything = load_results(results)
    frame = selection.of(everything)
    check_stored("datasets", plots or (), everything)
    changes = None
    if diff is not None:
        from unbench.analysis.board.changes import changes_since

        changes = changes_since(diff, Path(results), frame, selection, log)
    options = [f"--metric {metric}"] if metric != "avg_gap" else []
    origin = Origin.of(frame, selection.arguments, options, changes.other if changes is not None else None)
    board = leaderboard(frame)
    cells = split_cells(board)
    files = {name: Path(out) / file for name, file in FILES.items() if name in formats}
    # The numbers first: an OUT that cannot be written is found before any time goes into drawing.
    if "csv" in files:
        write_text(files["csv"], leaderboard_csv(board, board_ranks(cells), origin))
    shown, drawn = progress or Progress(), list[str]()
    texts: dict[str, str] = {}
    reader = OutputsReader(Path(results), frame, {"digest": digest_outputs} if "explorer" in files else {})
    if renderer is not None:
        from unbench.report.figures.catalogue import draw_cells, draw_ranks

        pictures = draw_cells(cells, reader, renderer, plots, shown.named("plots"))
        held = contests(cells)
        pictures = replace(pictures, of_ranks=draw_ranks(held, renderer))
        drawn = pictures.files
        texts |= _written_as(documents, leaderboard_markdown(cells, pictures, origin, held, metric, changes))
    if "explorer" in files:
        from unbench.report.explorer.page import explorer_html

        texts["explorer"] = explorer_html(cells, frame, reader, images, origin, shown.named("explorer"))
    if renderer is not None:
        renderer.finish(shown.named("plots"))
    # Last, so that no document shows a picture that is not there yet.
    for name, content in texts.items():
        write_text(files[name], content)
    if show is not None:
        show(board, changes)
    return [*files.values(), *(Path(out) / name for name in drawn)]


def check_request(formats: Sequence[str], metric: str, plot_formats: Sequence[str]) -> None:
    """Raise UnknownNameError for a format or a metric that there is not, before anything is read."""
    from unbench.analysis.board.side_by_side import check_metric

    for name in formats:
        if name not in FORMATS:
            raise UnknownNameError("format", name, FORMATS)
    for name in plot_formats:
        if name not in PLOT_FORMATS:
            raise UnknownNameError("plot format", name, PLOT_FORMATS)
    check_metric(metric)


def _written_as(names: Collection[str], markdown: str) -> dict[str, str]:
    """The document, written in Markdown, in each of the formats."""
    found = {"md": markdown} if "md" in names else {}
    if set(names) - {"md"}:
        from unbench.report.html import leaderboard_html, render
        from unbench.report.latex import leaderboard_latex

        html = render(markdown)
        if "tex" in names:
            found["tex"] = leaderboard_latex(html)
        if "html" in names:
            found["html"] = leaderboard_html(html)
    return found
