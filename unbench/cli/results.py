"""Commands that read stored results: evaluate, report."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from unbench.cli.options import AsJson, Plugin, Results
from unbench.console import console, print_leaderboard, print_rows, say


def evaluate(
    results: Results = Path("results"),
    metric: Annotated[
        list[str] | None, typer.Option("--metric", help="May be repeated; else all but the slow ones.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compute what stored runs lack of the metrics, without training or loading a model, and print the metrics."""
    from unbench.evaluation import evaluate as compute
    from unbench.progress import ConsoleProgress

    frame = compute(results, metric or [], progress=ConsoleProgress(console()), tell=say)
    shown = frame[frame["metric"].isin(metric)] if metric else frame
    columns = ["dataset", "scenario", "method", "seed", "metric", "of", "value", "low", "high", "missing"]
    print_rows(json.loads(shown[columns].to_json(orient="records")), as_json)


def report(
    results: Results = Path("results"),
    out: Annotated[Path, typer.Option(help="Folder to write.")] = Path("reports"),
    plugin: Plugin = None,
) -> None:
    """Write leaderboard.md, leaderboard.csv and plots from stored results."""
    from unbench.reporting import report as write

    say(f"reading {results} ...")
    for path in write(results, out, show=print_leaderboard if sys.stdout.isatty() else None):
        print(path)
