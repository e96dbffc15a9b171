"""Commands that read stored results: evaluate, report, export, diff."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Annotated, Any

import typer

from unbench.analysis.comparison.rule import NOISE_RULE
from unbench.cli.console import console, log, print_leaderboard, print_rows
from unbench.cli.options import AsJson, Plugin, Results

Names = list[str] | None
ONLY = "Only this; may be repeated."


def evaluate(
    results: Results = Path("results"),
    metric: Annotated[
        Names, typer.Option("--metric", help="Can be repeated; by default, all but the slow ones.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compute the metrics that stored runs lack, without training or loading a model, and print them."""
    from unbench.analysis.evaluation import evaluate as compute
    from unbench.progress import ConsoleProgress

    frame = compute(results, metric or [], progress=ConsoleProgress(console()), log=log)
    shown = frame[frame["metric"].isin(metric)] if metric else frame
    about = ["run_key", "dataset", "scenario", "preset", "method", "seed"]
    columns = [*about, "metric", "of", "value", "low", "high", "missing"]
    # Shadow models have no seed, which turns all other seeds into floats.
    whole = shown[columns].astype({"seed": "Int64"})
    print_rows(json.loads(whole.to_json(orient="records")), as_json)


def report(
    results: Results = Path("results"),
    out: Annotated[Path, typer.Option(help="Folder to write.")] = Path("reports"),
    file_format: Annotated[
        Names, typer.Option("--format", help="md, csv, tex, html or explorer; may be repeated; all by default.")
    ] = None,
    dataset: Annotated[Names, typer.Option("-d", "--dataset", help=ONLY)] = None,
    method: Annotated[Names, typer.Option("-m", "--method", help=ONLY)] = None,
    family: Annotated[Names, typer.Option(help="Only methods of this family: post-hoc, by-design, reference.")] = None,
    data_family: Annotated[
        Names, typer.Option(help="Only data sets of this family: natural, fine-grained, medical.")
    ] = None,
    scenario: Annotated[Names, typer.Option(help=ONLY)] = None,
    preset: Annotated[Names, typer.Option(help=ONLY)] = None,
    metric: Annotated[
        str, typer.Option(help="Rank by this metric of 'unbench list metrics', or set this column side by side.")
    ] = "avg_gap",
    plots: Annotated[
        Names, typer.Option(help="Draw plots of this data set only; may be repeated; 'none' draws none.")
    ] = None,
    plot_format: Annotated[Names, typer.Option(help="png (the default) or svg; may be repeated.")] = None,
    plot_data: Annotated[
        bool, typer.Option("--plot-data", help="Also write the numbers behind each plot, as CSV.")
    ] = False,
    no_images: Annotated[
        bool, typer.Option("--no-images", help="No forgotten images in the explorer: for private data.")
    ] = False,
    watch: Annotated[
        bool,
        typer.Option(
            "--watch",
            help="Write the report again whenever runs or metrics are added, with one line on standard output each "
            "time, until Ctrl-C ends it with exit code 0. Waits for results that do not exist yet.",
        ),
    ] = False,
    interval: Annotated[float, typer.Option(metavar="SECONDS", help="Between two checks of --watch.")] = 10.0,
    plugin: Plugin = None,
) -> None:
    """Write leaderboard.md, .csv, .tex and .html, explorer.html and plots from stored results."""
    from unbench.progress import ConsoleProgress
    from unbench.reporting import ReportOptions, check_options
    from unbench.reporting import report as write

    options: ReportOptions = {
        "datasets": dataset or (),
        "methods": method or (),
        "families": family or (),
        "data_families": data_family or (),
        "scenarios": scenario or (),
        "presets": preset or (),
        "metric": metric,
        "formats": file_format,
        "plots": [name for name in plots if name != "none"] if plots else None,
        "plot_formats": plot_format or ("png",),
        "plot_data": plot_data,
        "images": not no_images,
    }
    show = partial(print_leaderboard, clear=watch) if sys.stdout.isatty() else None
    make = partial(write, results, out, show=show, log=cache(log), progress=ConsoleProgress(console()), **options)
    if watch:
        check_options(options)
        _watch(results, out, interval, make)
        return
    log(f"reading {results} ...")
    for path in make():
        print(path)


def _watch(results: Path, out: Path, interval: float, make: Callable[[], object]) -> None:
    """Write the report again whenever the results have changed, until Ctrl-C."""
    from unbench.reporting.watch import watch

    hint = f"watching {results} every {interval:g} s; Ctrl-C ends it"

    def write(news: str) -> None:
        make()
        print(f"{out}: {news}", flush=True)
        if sys.stdout.isatty():
            log(hint)  # printing the leaderboard has cleared it

    try:
        log(hint)
        watch(results, write, interval=interval, log=log)
    except KeyboardInterrupt:
        # The process then ends as usual, not by end_now: those that draw must end first, or their semaphores leak.
        log(f"stopped watching {results}")


def export(
    out: Annotated[Path, typer.Argument(help="Folder to write.")],
    kind: Annotated[str, typer.Option("--format", help="json, or hf: a folder as a Hugging Face data set.")] = "json",
    results: Results = Path("results"),
    plugin: Plugin = None,
) -> None:
    """Write runs and metrics for other tools."""
    from unbench.reporting.export import export as write

    for path in write(results, out, kind):
        print(path)


def diff(
    a: Annotated[str, typer.Argument(metavar="A", help="Folder of results, or FOLDER@COMMIT: what that commit left.")],
    b: Annotated[str, typer.Argument(metavar="B", help="The same, for what A is compared with.")],
    everything: Annotated[bool, typer.Option("--all", help="Also what is the same.")] = False,
    plugin: Plugin = None,
    as_json: AsJson = False,
) -> None:
    """Show which numbers changed beyond noise from A to B; exit code 1 if one did, or a run's status got worse."""
    log(f"reading {a} and {b} ...")
    from unbench.analysis.comparison.compare import diff as compare
    from unbench.analysis.comparison.compare import summary
    from unbench.analysis.comparison.noise import ALARMS
    from unbench.analysis.rows.values import plain_records

    frame = compare(a, b, log=log)
    shown = frame if everything else frame[frame["verdict"] != "same"]
    if as_json or len(shown):
        rows = plain_records(shown)
        print_rows(rows if as_json else [_line(row) for row in rows], as_json)
        log(NOISE_RULE)
    log(summary(frame))
    if frame["verdict"].isin(ALARMS).any():
        raise typer.Exit(1)


def _line(row: dict[str, Any]) -> dict[str, Any]:
    from unbench.analysis.rows.values import clean

    place = " ".join(clean(row[name]) for name in ("dataset", "scenario", "preset", "model"))
    numbers = {"seeds": "seeds", "mean_a": "A", "mean_b": "B", "difference": "B - A", "noise": "noise", "p_holm": "p"}
    return {
        "verdict": row["verdict"],
        "where": place,
        "method": row["label"],
        "measure": row["measure"],
        **{title: row[name] for name, title in numbers.items()},
        "note": row["note"],
    }
