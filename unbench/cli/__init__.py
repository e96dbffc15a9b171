"""The command line: each command a few lines over the Python function of the same name.

Results go to standard output, everything said along the way to standard error. Exit codes: 0 all well; 1 a run or a
check failed, or diff found a change; 2 the request or the files are wrong (one line says how); 130 interrupted, but for
`report --watch`, which ends so.
"""

from __future__ import annotations

import os
import sys
import warnings
from io import TextIOWrapper
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from unbench.analysis.comparison.rule import NOISE_RULE
from unbench.cli import cards, catalogue, deployment, results, running, sweeping
from unbench.cli.console import log
from unbench.config.interpreter import collect_rarely
from unbench.errors import UnbenchError

INTERRUPTED = 130
"""Exit code of a command that Ctrl-C, or the system by SIGTERM, has ended."""


class _Group(TyperGroup):
    """Ends with 0 where the reader of its output has gone, as `head` does; typer's ends with 1, as a failed run."""

    def invoke(self, ctx: Any) -> Any:
        try:
            try:
                return super().invoke(ctx)
            finally:
                sys.stdout.flush()
        except BrokenPipeError:
            _to_nowhere(sys.stdout.fileno())  # else what is left in it would be tried again at the end
            raise typer.Exit(0) from None


app = typer.Typer(
    name="unbench",
    cls=_Group,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def _main(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    """Compare machine-unlearning methods for image classification, honestly."""
    if version:
        from importlib.metadata import version as installed

        print(installed("unbench"))
        raise typer.Exit


# In the order of --help, which lists the groups of commands after the others.
app.command()(running.run)
app.command()(running.tune)
app.command()(running.shadow)
app.command()(sweeping.sweep)
app.command()(sweeping.status)
app.command()(sweeping.gc)
app.command()(results.evaluate)
app.command()(results.report)
app.command(epilog=NOISE_RULE)(results.diff)
app.command()(results.export)
app.command()(deployment.train)
app.command()(deployment.forget)
app.command()(deployment.predict)
app.command()(deployment.cost)
app.command()(cards.check)
app.add_typer(catalogue.list_app, name="list")
app.add_typer(catalogue.show_app, name="show")
app.add_typer(cards.new_app, name="new")


def main() -> None:
    """Entry point: turns a user's mistake into one line and exit code 2."""
    # Threads that wait by spinning make two runs on one machine tenfold slower than one after the other; asleep they
    # cost a lone run about a tenth. Read when torch loads its OpenMP, which is later; a user's own choice stands.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    collect_rarely()
    _open_streams()
    # What Ctrl-C has cancelled is told in one line of our own.
    warnings.filterwarnings("ignore", r"\d+ tasks ", UserWarning, r"joblib\.")
    try:
        code = app(standalone_mode=False)
        if code == INTERRUPTED:  # what typer makes of Ctrl-C, without a word
            raise KeyboardInterrupt
        sys.exit(code)
    except UnbenchError as error:
        log(f"unbench: {error}")
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        # Python ends by the signal itself if the interrupt came through an exec, as that of a dataclass being imported
        # is; the next exec makes it forget that.
        exec("")
        log("unbench: interrupted; what was finished is stored, and the same command goes on from there")
        sys.exit(INTERRUPTED)
    except Exception as error:
        # Typer's complaints about arguments; their class has moved between its versions.
        if not hasattr(error, "format_message"):
            raise
        message = error.format_message()
        log(message if message.startswith("Usage") else f"unbench: {message}")
        sys.exit(2)


def _open_streams() -> None:
    """Let everything be printed: what an encoding lacks as `?`, and where a stream was closed (`>&-`) nowhere."""
    for number, name in enumerate(("stdout", "stderr"), 1):
        stream = getattr(sys, name)
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
        elif stream is None:
            _to_nowhere(number)
            setattr(sys, name, os.fdopen(number, "w"))


def _to_nowhere(number: int) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), number)
