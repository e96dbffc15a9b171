"""One piece of work of a sweep, and how it ended."""

from dataclasses import dataclass
from typing import Any, Literal

from unbench.experiment.spec import RunSpec

Kind = Literal["original", "oracle", "oracle_2", "shadow models", "run", "shadow"]

KINDS: dict[Kind, str] = {
    "original": "original",
    "oracle": "oracle",
    "oracle_2": "second oracle",
    "shadow models": "shadow models",
    "shadow": "shadow models, unlearned",
    "run": "runs",
}
"""Kinds of tasks as a user reads them, in the order of the work."""


@dataclass(frozen=True)
class Task:
    """One piece of work for one worker.

    Attributes:
        id: derived from the result, so that two sweeps give the same work the same name.
        spec: the run, or for a reference model one of the runs that need it.
        after: ids of the tasks that must be done before.
        attempts: of a run, stored when it was planned; a newer one makes the task superfluous.
        probe: also ask the models of the run themselves.
        number: of a shadow model.
        shared: by all methods that do not train models of their own.
    """

    id: str
    kind: Kind
    spec: RunSpec
    after: tuple[str, ...] = ()
    attempts: int = 0
    probe: bool = False
    number: int = 0
    shared: bool = False

    def __str__(self) -> str:
        if self.kind == "run":
            return str(self.spec)
        what = f"shadow model {self.number}" if self.kind in ("shadow", "shadow models") else KINDS[self.kind]
        whose = "" if self.shared else f" of {self.spec.written}"
        return f"{what}{whose} on {self.spec.place}"


@dataclass(frozen=True)
class Outcome:
    """How a task ended.

    Attributes:
        state: "done"; "busy", another process is at work on it; "failed", the method or its training went wrong;
            "died", together with its process; "stopped", the request or the files are wrong: going on is of no use.
        reason: why, unless it is done or busy.
        status: for the row of a run that failed.
        row: of a run.
        seconds: that it took.
    """

    state: Literal["done", "busy", "failed", "died", "stopped"]
    reason: str = ""
    status: str = "failed"
    row: dict[str, Any] | None = None
    seconds: float = 0.0
