"""Commands that read stored results: evaluate, report, diff."""

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
from unbench.cli.interrupting import end_now
from unbench.cli.options import AsJson, Plugin, Results


def evaluate(
    results: Results = Path("results"),
    metric: Annotated[
        list[str] | None, typer.Option("--metric", help="May be repeated; else all but the slow ones.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compute what stored runs lack of the metrics, without training or loading a model, and print the metrics."""
    from unbench.analysis.evaluation import evaluate as compute
    from unbench.progress import ConsoleProgress

    frame = compute(results, metric or [], progress=ConsoleProgress(console()), log=log)
    shown = frame[frame["metric"].isin(metric)] if metric else frame
    about = ["run_key", "dataset", "scenario", "preset", "method", "seed"]
    columns = [*about, "metric", "of", "value", "low", "high", "missing"]
    # Shadow models have no seed, which makes floats of all the others.
    whole = shown[columns].astype({"seed": "Int64"})
    print_rows(json.loads(whole.to_json(orient="records")), as_json)


def report(
    results: Results = Path("results"),
    out: Annotated[Path, typer.Option(help="Folder to write.")] = Path("reports"),
    file_format: Annotated[
        list[str] | None, typer.Option("--format", help="md, csv, tex, html or explorer; may be repeated; else all.")
    ] = None,
    dataset: Annotated[list[str] | None, typer.Option("-d", "--dataset", help="Only this; may be repeated.")] = None,
    method: Annotated[list[str] | None, typer.Option("-m", "--method", help="Only this; may be repeated.")] = None,
    family: Annotated[
        list[str] | None, typer.Option(help="Only methods of this family: post-hoc, by-design, reference.")
    ] = None,
    data_family: Annotated[
        list[str] | None, typer.Option(help="Only data sets of this family: natural, fine-grained, medical.")
    ] = None,
    scenario: Annotated[list[str] | None, typer.Option(help="Only this; may be repeated.")] = None,
    preset: Annotated[list[str] | None, typer.Option(help="Only this; may be repeated.")] = None,
    metric: Annotated[str, typer.Option(help="The number that data sets are set side by side by.")] = "avg_gap",
    plots: Annotated[
        list[str] | None, typer.Option(help="Draw plots of this data set only; may be repeated; 'none' draws none.")
    ] = None,
    plot_format: Annotated[
        list[str] | None,
        typer.Option(help="png or svg; may be repeated; else png, since svg takes half as long again."),
    ] = None,
    plot_data: Annotated[bool, typer.Option("--plot-data", help="Also the numbers behind each plot, as CSV.")] = False,
    no_images: Annotated[
        bool, typer.Option("--no-images", help="No forgotten images in the explorer: for private data.")
    ] = False,
    diff: Annotated[
        str | None,
        typer.Option(
            metavar="OTHER",
            help="Mark what changed since OTHER, a folder of results or FOLDER@COMMIT. The exit code is 0 whatever "
            "changed; 'unbench diff' is for scripts.",
        ),
    ] = None,
    watch: Annotated[
        bool,
        typer.Option(
            "--watch",
            help="Write the report again whenever runs or metrics are added, one line on standard output each time, "
            "until Ctrl-C ends it with exit code 0. Results that are not there yet are waited for.",
        ),
    ] = False,
    interval: Annotated[float, typer.Option(metavar="SECONDS", help="Between two looks of --watch.")] = 10.0,
    plugin: Plugin = None,
) -> None:
    """Write leaderboard.md, .csv, .tex and .html, explorer.html and plots from stored results."""
    from unbench.progress import ConsoleProgress
    from unbench.report import check_request
    from unbench.report import report as write

    plot_formats = plot_format or ("png",)
    make = partial(
        write,
        results,
        out,
        show=partial(print_leaderboard, anew=watch) if sys.stdout.isatty() else None,
        datasets=dataset or (),
        methods=method or (),
        families=family or (),
        data_families=data_family or (),
        scenarios=scenario or (),
        presets=preset or (),
        metric=metric,
        formats=file_format or None,
        plots=[name for name in plots if name != "none"] if plots else None,
        plot_formats=plot_formats,
        plot_data=plot_data,
        images=not no_images,
        diff=diff,
        log=cache(log),  # once, in however many rounds it is found
        progress=ConsoleProgress(console()),
    )
    if not watch:
        log(f"reading {results} ...")
        for path in make():
            print(path)
        return
    check_request(file_format or (), metric, plot_formats)
    if diff is not None:
        from unbench.analysis.comparison.sides import read_side

        read_side(diff, log=lambda line: None)
    _watch(results, out, interval, make)


def _watch(results: Path, out: Path, interval: float, make: Callable[[], object]) -> None:
    """`make` a report whenever the results have changed, until Ctrl-C."""
    from unbench.report.watch import watch

    hint = f"watching {results} every {interval:g} s; Ctrl-C ends it"

    def write(news: str) -> None:
        make()
        print(f"{out}: {news}", flush=True)
        if sys.stdout.isatty():
            log(hint)  # the leaderboard has cleared it away

    try:
        log(hint)
        watch(results, write, interval=interval, log=log)
    except KeyboardInterrupt:
        log(f"stopped watching {results}")
        end_now(0)


def export(
    out: Annotated[Path, typer.Argument(help="Folder to write.")],
    kind: Annotated[
        str, typer.Option("--format", help="csv, json, latex, or hf: a folder as a Hugging Face data set.")
    ] = "csv",
    results: Results = Path("results"),
    plugin: Plugin = None,
) -> None:
    """Write runs and metrics for other tools."""
    from unbench.report.export import export as write

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
    from unbench.analysis.rows.records import plain_records

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
