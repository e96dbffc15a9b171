"""Commands that say what there is: list, show."""

from __future__ import annotations

from pathlib import Path

import typer

from unbench.cli.console import print_record, print_rows
from unbench.cli.options import AsJson, Plugin, Results

list_app = typer.Typer(no_args_is_help=True, help="List methods, datasets, scenarios, metrics or runs.")


@list_app.command("methods")
def list_methods(plugin: Plugin = None, as_json: AsJson = False) -> None:
    """Every unlearning method."""
    from unbench.cli import listing as catalogue

    print_rows(catalogue.list_methods(), as_json)


@list_app.command("datasets")
def list_datasets(as_json: AsJson = False) -> None:
    """Every data set."""
    from unbench.cli import listing as catalogue

    print_rows(catalogue.list_datasets(), as_json)


@list_app.command("scenarios")
def list_scenarios(as_json: AsJson = False) -> None:
    """Every forget scenario."""
    from unbench.cli import listing as catalogue

    print_rows(catalogue.list_scenarios(), as_json)


@list_app.command("metrics")
def list_metrics(as_json: AsJson = False) -> None:
    """Every metric, with its unit and ideal value."""
    from unbench.cli import listing as catalogue

    print_rows(catalogue.list_metrics(), as_json)


@list_app.command("runs")
def list_runs(results: Results = Path("results"), as_json: AsJson = False) -> None:
    """Every stored run."""
    from unbench.cli import listing as catalogue

    print_rows(catalogue.list_runs(results), as_json)


show_app = typer.Typer(no_args_is_help=True, help="Show one method, dataset, metric or run in full.")


@show_app.command("method")
def show_method(name: str, plugin: Plugin = None, as_json: AsJson = False) -> None:
    """The card of a method."""
    from unbench.cli import listing as catalogue

    print_record(catalogue.show_method(name), as_json)


@show_app.command("dataset")
def show_dataset(name: str, as_json: AsJson = False) -> None:
    """The card of a data set."""
    from unbench.cli import listing as catalogue

    print_record(catalogue.show_dataset(name), as_json)


@show_app.command("metric")
def show_metric(name: str, as_json: AsJson = False) -> None:
    """Definition, formula, range, ideal value and source of a metric."""
    from unbench.cli import listing as catalogue

    print_record(catalogue.show_metric(name), as_json)


@show_app.command("run")
def show_run(key: str, results: Results = Path("results"), as_json: AsJson = False) -> None:
    """A stored run, by the beginning of its key."""
    from unbench.cli import listing as catalogue

    print_record(catalogue.show_run(key, results), as_json)
