"""Commands for whoever adds a method or a data set: check, new."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from unbench.cli.console import log
from unbench.cli.options import DataRoot, Plugin
from unbench.cli.starting import begin
from unbench.errors import UnbenchError, UnknownNameError


def check(
    kind: Annotated[str | None, typer.Argument(help="method or dataset")] = None,
    name: Annotated[str | None, typer.Argument(help="Its name.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every card.")] = False,
    data_root: DataRoot = None,
    plugin: Plugin = None,
) -> None:
    """Run the tool's own tests on one card, or on all."""
    if everything == (kind is not None) or (kind is not None and name is None):
        raise UnbenchError("say 'unbench check method NAME', 'unbench check dataset NAME' or 'unbench check --all'")
    if kind is not None and kind not in ("method", "dataset"):
        raise UnknownNameError("kind of card", kind, ["method", "dataset"])
    from unbench.config import registry

    if name is not None:
        (registry.method if kind == "method" else registry.dataset)(name)
    begin([registry.method(name)] if name is not None and kind == "method" else [])
    from unbench.cli import check as checks

    if everything:
        results = checks.check_all(data_root)
    elif kind == "method":
        results = checks.check_method(str(name))
    else:
        results = checks.check_dataset(str(name), data_root)
    failed = 0
    for result in results:
        print(result, flush=True)
        failed += result.outcome == "FAILED"
    if failed:
        raise typer.Exit(1)


new_app = typer.Typer(no_args_is_help=True, help="Begin a method of your own.")


@new_app.command("method")
def new_method(
    name: Annotated[str, typer.Argument(help="Small letters, digits and _.")],
    out: Annotated[Path, typer.Option(help="Folder to write in.")] = Path(),
) -> None:
    """Write NAME.py, its card NAME.toml and test_NAME.py: a method that works, to put your idea in."""
    from unbench.cli.scaffold import new_method as write

    paths = write(name, out)
    for path in paths:
        print(path)
    log(f"next: {shlex.join(['unbench', 'check', 'method', name, '--plugin', str(paths[0])])}")
