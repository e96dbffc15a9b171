"""Every error that a user can cause, each said in one line.

The command line prints the message of an `UnbenchError` and exits with `exit_code`; anything else is a
defect of unbench and keeps its traceback.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path


class UnbenchError(Exception):
    """A mistake in what was asked for, or in the files that were given."""

    exit_code = 2


class CardError(UnbenchError):
    """A card cannot be read, has an unknown key, or repeats a name."""


class SpecError(UnbenchError):
    """The request does not make sense: a bad hyper-parameter, preset or scenario."""


class UnknownNameError(SpecError):
    """A name that no card or function has; the message offers the nearest one."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        near = get_close_matches(name, names, n=1, cutoff=0.5)
        hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(names) or 'none'}"
        super().__init__(f"unknown {kind} '{name}'; {hint}")


class DataError(UnbenchError):
    """A data set that cannot be used: the message names the file."""


class DataMissingError(DataError):
    """Expected files are absent: the message says which, where, and how to get them."""


class ChecksumError(DataError):
    """A file differs from the published one, and the user has not accepted that."""


class StoreError(UnbenchError):
    """A results folder that cannot be written, or a stored file that cannot be trusted."""


RUN = "'unbench run' or 'unbench sweep'"
"""Commands that write most stored files."""


class DamagedError(StoreError):
    """A stored file is not what was written; the message names it and the command that replaces it.

    Attributes:
        what: name of the file and the reason, for a log line that names its new place.
    """

    def __init__(self, path: Path, why: object, again: str = RUN) -> None:
        reason = " ".join(str(why).split())
        super().__init__(f"{path} is corrupt: {reason}; run the same {again} again to replace it")
        self.what = f"{path.name}: {reason}"


class AccessError(RuntimeError):
    """A method reached for data that its card does not declare. Becomes a failed row."""


class DivergedError(RuntimeError):
    """Training or unlearning produced non-finite values. Becomes a row with status `diverged`."""


class TimedOutError(RuntimeError):
    """Unlearning took longer than it was given. Becomes a row with status `timed_out`."""


class NotApplicableError(RuntimeError):
    """A method cannot serve this scenario or model. Becomes a row with status `skipped`."""


FOREIGN = (Exception, SystemExit)
"""What code of other people may raise so that work goes on without it: anything but Ctrl-C."""


class BusyError(RuntimeError):
    """Another process is at work on the same; what it makes will be there later."""


@contextmanager
def refusals_as(kind: type[UnbenchError], what: str) -> Iterator[None]:
    """Turn an OSError in the block into an error of this kind, with the message `what` and the reason."""
    try:
        yield
    except OSError as error:
        raise kind(f"{what}: {error.strerror or error}") from error


def describe(error: BaseException) -> str:
    """One line: the error and where it was raised."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {' '.join(str(error).split())} ({Path(last.filename).name}:{last.lineno})"
