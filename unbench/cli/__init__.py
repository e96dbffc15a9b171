"""The command line: each command is a few lines over the Python function of the same name.

Results go to standard output, everything else to standard error. Exit codes: 0 success; 1 a run or a check failed, or
diff found a change; 2 the request or the files are wrong (one line says how); 130 interrupted, except for
`report --watch`, which is meant to end so.
"""

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
"""Exit code of a command that Ctrl-C or SIGTERM ended."""


class _Group(TyperGroup):
    """Commands that exit with 0 when the reader closes the pipe, as `head` does; Typer would exit with 1."""

    def invoke(self, ctx: Any) -> Any:
        try:
            try:
                return super().invoke(ctx)
            finally:
                sys.stdout.flush()
        except BrokenPipeError:
            _to_nowhere(sys.stdout.fileno())  # else Python would try to write the rest at exit
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
for command in (
    *(running.run, running.tune, running.shadow),
    *(sweeping.sweep, sweeping.status, sweeping.gc),
    *(results.evaluate, results.report, results.diff, results.export),
    *(deployment.train, deployment.forget, deployment.predict, deployment.cost, cards.check),
):
    app.command(epilog=NOISE_RULE if command is results.diff else None)(command)
app.add_typer(catalogue.list_app, name="list")
app.add_typer(catalogue.show_app, name="show")
app.add_typer(cards.new_app, name="new")


def main() -> None:
    """Run the command line; a user's mistake becomes one line and exit code 2."""
    # Threads that spin while they wait make two runs at once ten times slower than one after the other; threads that
    # sleep cost a single run about a tenth. Torch reads this when it is imported; the user's own setting wins.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    collect_rarely()
    _open_streams()
    # After Ctrl-C a single line of our own is enough.
    warnings.filterwarnings("ignore", r"\d+ tasks ", UserWarning, r"joblib\.")
    try:
        code = app(standalone_mode=False)
        if code == INTERRUPTED:  # what Typer makes of Ctrl-C, without a message
            raise KeyboardInterrupt
        sys.exit(code)
    except UnbenchError as error:
        log(f"unbench: {error}")
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        # Python would end by the signal itself if the interrupt came during an exec, as when a dataclass is imported;
        # another exec resets that.
        exec("")
        log("unbench: interrupted; finished work is stored, and the same command continues from there")
        sys.exit(INTERRUPTED)
    except Exception as error:
        # Typer's errors about arguments; their class has moved between versions.
        if not hasattr(error, "format_message"):
            raise
        message = error.format_message()
        log(message if message.startswith("Usage") else f"unbench: {message}")
        sys.exit(2)


def _open_streams() -> None:
    """Make printing never fail: `?` for what an encoding lacks, and nowhere if a stream was closed (`>&-`)."""
    for number, name in enumerate(("stdout", "stderr"), 1):
        stream = getattr(sys, name)
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
        elif stream is None:
            _to_nowhere(number)
            setattr(sys, name, os.fdopen(number, "w"))


def _to_nowhere(number: int) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), number)
