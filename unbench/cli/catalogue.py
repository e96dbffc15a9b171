"""Commands that show what there is: list, show."""

from pathlib import Path

from typer import Typer

import unbench
from unbench.cli.console import print_record, print_rows
from unbench.cli.options import AsJson, Plugin, Results

list_app = Typer(no_args_is_help=True, help="List methods, datasets, scenarios, metrics or runs.")
show_app = Typer(no_args_is_help=True, help="Show one method, dataset, metric or run in full.")


@list_app.command("methods")
def list_methods(plugin: Plugin = None, as_json: AsJson = False) -> None:
    """List every unlearning method."""
    print_rows(unbench.list_methods(), as_json)


@list_app.command("datasets")
def list_datasets(plugin: Plugin = None, as_json: AsJson = False) -> None:
    """List every data set."""
    print_rows(unbench.list_datasets(), as_json)


@list_app.command("scenarios")
def list_scenarios(as_json: AsJson = False) -> None:
    """List every forget scenario."""
    print_rows(unbench.list_scenarios(), as_json)


@list_app.command("metrics")
def list_metrics(as_json: AsJson = False) -> None:
    """List every metric, with its unit and ideal value."""
    print_rows(unbench.list_metrics(), as_json)


@list_app.command("runs")
def list_runs(results: Results = Path("results"), as_json: AsJson = False) -> None:
    """List every stored run."""
    print_rows(unbench.list_runs(results), as_json)


@show_app.command("method")
def show_method(name: str, results: Results = Path("results"), plugin: Plugin = None, as_json: AsJson = False) -> None:
    """Show the card of a method, and what tuning chose for it."""
    print_record(unbench.show_method(name, results), as_json)


@show_app.command("dataset")
def show_dataset(name: str, plugin: Plugin = None, as_json: AsJson = False) -> None:
    """Show the card of a data set."""
    print_record(unbench.show_dataset(name), as_json)


@show_app.command("metric")
def show_metric(name: str, as_json: AsJson = False) -> None:
    """Show the definition, formula, range, ideal value and source of a metric."""
    print_record(unbench.show_metric(name), as_json)


@show_app.command("run")
def show_run(key: str, results: Results = Path("results"), as_json: AsJson = False) -> None:
    """Show a stored run; the beginning of its key is enough."""
    print_record(unbench.show_run(key, results), as_json)
