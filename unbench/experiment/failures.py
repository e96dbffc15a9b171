"""How a run that went wrong is described in its row."""

import signal

from unbench.errors import DivergedError, NotApplicableError, TimedOutError, describe

_STATUSES = {NotApplicableError: "skipped", DivergedError: "diverged", TimedOutError: "timed_out"}


class ReportedError(RuntimeError):
    """A failure in another process, which sent its status and reason."""

    def __init__(self, status: str, reason: str) -> None:
        super().__init__(status, reason)
        self.status, self.reason = status, reason

    def __str__(self) -> str:
        return self.reason


def status_of(error: BaseException) -> str:
    """Return the status of a run that ended with an error."""
    if isinstance(error, ReportedError):
        return error.status
    return next((status for kind, status in _STATUSES.items() if isinstance(error, kind)), "failed")


def reason_of(error: BaseException) -> str:
    """Return the reason for the row; where the error was raised matters only for a defect."""
    if isinstance(error, ReportedError) or status_of(error) != "failed":
        return str(error)
    return describe(error)


def how_it_died(code: int | None) -> str:
    """Describe an exit code, negative for a signal."""
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        hint = "; the system may have run out of memory" if name == "SIGKILL" else ""
        return f"its process was ended by {name}{hint}"
    return f"its process ended with exit code {code}"
