"""Commands that read stored results: evaluate, report, export, diff."""

import json
import sys
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Exit, Option

import unbench
from unbench.analysis.comparison.rule import NOISE_RULE
from unbench.cli.console import log, print_leaderboard, print_rows, progress
from unbench.cli.options import AsJson, Names, Plugin, Results

ONLY = "Only this; may be repeated."


def evaluate(
    results: Results = Path("results"),
    metric: Annotated[Names, Option("--metric", help="Can be repeated; by default, all but the slow ones.")] = None,
    as_json: AsJson = False,
) -> None:
    """Compute the metrics that stored runs lack, without training or loading a model, and print them."""
    frame = unbench.evaluate(results, metric or [], progress=progress(), log=log)
    shown = frame[frame["metric"].isin(metric)] if metric else frame
    about = ["run_key", "dataset", "scenario", "preset", "method", "seed"]
    columns = [*about, "metric", "of", "value", "low", "high", "missing"]
    # Shadow models have no seed, which turns all other seeds into floats.
    whole = shown[columns].astype({"seed": "Int64"})
    print_rows(json.loads(whole.to_json(orient="records")), as_json)


def report(
    results: Results = Path("results"),
    out: Annotated[Path, Option(help="Folder to write.")] = Path("reports"),
    file_format: Annotated[
        Names, Option("--format", help="md, csv, tex, html or explorer; may be repeated; all by default.")
    ] = None,
    dataset: Annotated[Names, Option("-d", "--dataset", help=ONLY)] = None,
    method: Annotated[Names, Option("-m", "--method", help=ONLY)] = None,
    family: Annotated[Names, Option(help="Only methods of this family: post-hoc, by-design, reference.")] = None,
    data_family: Annotated[Names, Option(help="Only data sets of this family: natural, fine-grained, medical.")] = None,
    scenario: Annotated[Names, Option(help=ONLY)] = None,
    preset: Annotated[Names, Option(help=ONLY)] = None,
    metric: Annotated[
        str, Option(help="Rank by this metric of 'unbench list metrics', or set this column side by side.")
    ] = "avg_gap",
    plots: Annotated[
        Names, Option(help="Draw plots of this data set only; may be repeated; 'none' draws none.")
    ] = None,
    plot_format: Annotated[Names, Option(help="png (the default) or svg; may be repeated.")] = None,
    plot_data: Annotated[bool, Option("--plot-data", help="Also write the numbers behind each plot, as CSV.")] = False,
    no_images: Annotated[
        bool, Option("--no-images", help="No forgotten images in the explorer: for private data.")
    ] = False,
    watch: Annotated[
        bool,
        Option(
            "--watch",
            help="Write the report again whenever runs or metrics are added, with one line on standard output each "
            "time, until Ctrl-C ends it with exit code 0. Waits for results that do not exist yet.",
        ),
    ] = False,
    interval: Annotated[float, Option(metavar="SECONDS", help="Between two checks of --watch.")] = 10.0,
    plugin: Plugin = None,
) -> None:
    """Write leaderboard.md, .csv, .tex and .html, explorer.html and plots from stored results."""
    from unbench.reporting import ReportOptions, check_options

    chosen: ReportOptions = {"datasets": dataset or (), "methods": method or (), "families": family or ()}
    chosen |= {"data_families": data_family or (), "scenarios": scenario or (), "presets": preset or ()}
    chosen |= {"metric": metric, "formats": file_format, "plot_formats": plot_format or ("png",)}
    chosen |= {"plots": [name for name in plots if name != "none"] if plots else None}
    chosen |= {"plot_data": plot_data, "images": not no_images}
    show = partial(print_leaderboard, clear=watch) if sys.stdout.isatty() else None
    make = partial(unbench.report, results, out, show=show, log=cache(log), progress=progress(), **chosen)
    if watch:
        check_options(chosen)
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
        # The process then ends as usual: those that draw must end first, or their semaphores leak.
        log(f"stopped watching {results}")


def export(
    out: Annotated[Path, Argument(help="Folder to write.")],
    kind: Annotated[str, Option("--format", help="json, or hf: a folder as a Hugging Face data set.")] = "json",
    results: Results = Path("results"),
    plugin: Plugin = None,
) -> None:
    """Write runs and metrics for other tools."""
    for path in unbench.export(results, out, kind):
        print(path)


def diff(
    a: Annotated[str, Argument(metavar="A", help="Folder of results, or FOLDER@COMMIT: what that commit left.")],
    b: Annotated[str, Argument(metavar="B", help="The same, for what A is compared with.")],
    everything: Annotated[bool, Option("--all", help="Also what is the same.")] = False,
    plugin: Plugin = None,
    as_json: AsJson = False,
) -> None:
    """Show which numbers changed beyond noise from A to B; exit code 1 if one did, or a run's status got worse."""
    log(f"reading {a} and {b} ...")
    from unbench.analysis.comparison.compare import summary
    from unbench.analysis.comparison.noise import ALARMS
    from unbench.analysis.rows.values import plain_records

    frame = unbench.diff(a, b, log=log)
    shown = frame if everything else frame[frame["verdict"] != "same"]
    if as_json or len(shown):
        rows = plain_records(shown)
        print_rows(rows if as_json else [_line(row) for row in rows], as_json)
        log(NOISE_RULE)
    log(summary(frame))
    if frame["verdict"].isin(ALARMS).any():
        raise Exit(1)


def _line(row: dict[str, Any]) -> dict[str, Any]:
    from unbench.analysis.rows.values import clean

    place = " ".join(clean(row[name]) for name in ("dataset", "scenario", "preset", "model"))
    titles = {"verdict": "verdict", "where": "where", "label": "method", "measure": "measure", "seeds": "seeds"}
    titles |= {"mean_a": "A", "mean_b": "B", "difference": "B - A", "noise": "noise", "p_holm": "p", "note": "note"}
    return {title: {**row, "where": place}[name] for name, title in titles.items()}
