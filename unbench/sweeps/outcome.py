"""How a task of a sweep ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Outcome:
    """How a task ended.

    Attributes:
        state: "done"; "busy", another process is at work on it; "failed", what it makes cannot be made; "died", with
            its process; "stopped", by something that is wrong with the request or the files, so that going on is
            of no use.
        reason: why, unless it is done or busy.
        status: of a row that says so.
        row: of a run.
        seconds: it took.
    """

    state: Literal["done", "busy", "failed", "died", "stopped"]
    reason: str = ""
    status: str = "failed"
    row: dict[str, Any] | None = None
    seconds: float = 0.0
