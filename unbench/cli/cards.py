"""Commands for authors of methods and data sets: check, new."""

import shlex
from pathlib import Path
from typing import Annotated

from typer import Argument, Exit, Option, Typer

import unbench
from unbench.cli.console import log
from unbench.cli.options import DataRoot, Plugin
from unbench.cli.running import begin
from unbench.errors import UnbenchError, UnknownNameError


def check(
    kind: Annotated[str | None, Argument(help="method or dataset")] = None,
    name: Annotated[str | None, Argument(help="Its name.")] = None,
    everything: Annotated[bool, Option("--all", help="Every card.")] = False,
    data_root: DataRoot = None,
    plugin: Plugin = None,
) -> None:
    """Check one card, or all of them, with the tests that every card must pass."""
    if (kind is None, name is None) != (everything, everything):
        raise UnbenchError("check takes 'method NAME', 'dataset NAME' or '--all'")
    if kind not in (None, "method", "dataset"):
        raise UnknownNameError("kind of card", str(kind), ["method", "dataset"])
    from unbench.config import registry

    if kind == "method":
        begin([registry.method(str(name))])
        results = unbench.check_method(str(name))
    elif kind == "dataset":
        registry.dataset(str(name))
        begin([])
        results = unbench.check_dataset(str(name), data_root)
    else:
        begin([])
        results = unbench.check_all(data_root)
    failed = 0
    for result in results:
        print(result, flush=True)
        failed += result.outcome == "FAILED"
    if failed:
        raise Exit(1)


new_app = Typer(no_args_is_help=True, help="Start a method of your own.")


@new_app.command("method")
def new_method(
    name: Annotated[str, Argument(help="Lowercase letters, digits and _.")],
    out: Annotated[Path, Option(help="Folder to write in.")] = Path(),
) -> None:
    """Write NAME.py, its card NAME.toml and test_NAME.py: a method that works, as a start for your own."""
    paths = unbench.new_method(name, out)
    for path in paths:
        print(path)
    log(f"next: {shlex.join(['unbench', 'check', 'method', name, '--plugin', str(paths[0])])}")
