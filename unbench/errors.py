"""Every error that a user can cause, each with a message of one line.

The command line prints the message of an `UnbenchError` and exits with `exit_code`; anything else is a defect of
unbench and keeps its traceback.
"""

import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path


class UnbenchError(Exception):
    """A mistake in the request or in the user's files."""

    exit_code = 2


class CardError(UnbenchError):
    """A card or a file of tuned values that cannot be read or used, or a name that two cards have."""


class SpecError(UnbenchError, ValueError):
    """A request that makes no sense: a bad hyper-parameter, preset or scenario.

    A ValueError, so that pydantic reports where in a file it is.
    """


class UnknownNameError(SpecError):
    """An unknown name; the message offers the nearest known one.

    Args:
        kind: of thing, such as "preset".
        name: as given.
        known: all names of this kind.
        where: narrows the kind, such as "for dataset 'digits'".
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], where: str = "") -> None:
        names = sorted(known)
        near = get_close_matches(name, names, n=1, cutoff=0.5)
        hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(names) or 'none'}"
        super().__init__(f"unknown {kind} '{name}'{where and ' '}{where}; {hint}")


class DataError(UnbenchError):
    """A data set that cannot be used; the message names the file."""


class DataMissingError(DataError):
    """Missing files of a data set; the message says which, where, and how to get them."""


class ChecksumError(DataError):
    """A file that differs from the published one, which the user has not accepted."""


class StoreError(UnbenchError):
    """A results folder that cannot be written, or a stored file that cannot be trusted."""


RUN = "'unbench run' or 'unbench sweep'"
"""Commands that write most stored files."""


class DamagedError(StoreError):
    """A stored file that is not what was written; the message names it and the command that replaces it.

    Args:
        path: of the file.
        why: the reason.
        again: the command that makes such files.

    Attributes:
        what: name of the file and the reason, for a log line that names its new place.
    """

    def __init__(self, path: Path, why: object, again: str = RUN) -> None:
        reason = " ".join(str(why).split())
        super().__init__(f"{path} is corrupt: {reason}; run the same {again} again to replace it")
        self.what = f"{path.name}: {reason}"


class AccessError(RuntimeError):
    """A method's attempt to use data that its card does not declare. Its run is stored with status `failed`."""


class DivergedError(RuntimeError):
    """Training or unlearning that gave values that are not finite. Becomes a row with status `diverged`."""


class TimedOutError(RuntimeError):
    """Unlearning that took longer than its time limit. Becomes a row with status `timed_out`."""


class NotApplicableError(RuntimeError):
    """A method that does not serve this scenario or model. Becomes a row with status `skipped`."""


FOREIGN = (Exception, SystemExit)
"""What other people's code may raise without stopping the work: anything but Ctrl-C."""


class BusyError(RuntimeError):
    """Another process that is working on the same task; its result will be there later."""


@contextmanager
def refusals_as(kind: type[UnbenchError], what: str) -> Iterator[None]:
    """Turn an OSError in the block into an error of this kind, with the message `what` and the reason."""
    try:
        yield
    except OSError as error:
        raise kind(f"{what}: {error.strerror or error}") from error


def describe(error: BaseException) -> str:
    """Return one line: the error and where it was raised."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {' '.join(str(error).split())} ({Path(last.filename).name}:{last.lineno})"
