"""Where a report comes from: a digest of the runs behind it, the version of unbench, the command."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Origin:
    """What a report was made from and by; no time and no folder, so that the same results say the same.

    Attributes:
        runs: how many runs were read.
        sha256: over their keys, attempts and everything else in their rows.
        version: of unbench.
        command: with its filters.
        filtered: whether filters may have left runs out.
        other_runs, other_sha256: the same of the runs that these are compared with; 0 and "" for no comparison.
    """

    runs: int
    sha256: str
    version: str
    command: str
    filtered: bool = False
    other_runs: int = 0
    other_sha256: str = ""

    @property
    def said(self) -> str:
        """All but the command, in words."""
        made = f"Made by unbench {self.version} from {self.runs} runs; SHA-256 of their rows: {self.sha256}. "
        if self.other_sha256:
            made += f"Compared with OTHER, {self.other_runs} runs; SHA-256 of their rows: {self.other_sha256}. "
        return f"{made}The command, but for its folders:"

    @classmethod
    def of(
        cls,
        frame: pd.DataFrame,
        filters: Sequence[str] = (),
        options: Sequence[str] = (),
        other: pd.DataFrame | None = None,
    ) -> Origin:
        """Of runs as unbench.load_results gives them, after filtering; with the filters and other options given.

        Args:
            frame: the runs.
            filters, options: of the command.
            other: the runs that they are compared with, if any.
        """
        made = cls(len(frame), digest(frame), version("unbench"), "unbench report", bool(filters))
        given = [made.command, *filters, *options]
        if other is not None:
            made = replace(made, other_runs=len(other), other_sha256=digest(other))
            given.append("--diff OTHER")
        return replace(made, command=" ".join(given))


def digest(frame: pd.DataFrame) -> str:
    """SHA-256 of all rows in order of run key and attempt, 64 hexadecimal digits; the order of rows changes nothing."""
    ordered = frame.sort_values(["run_key", "attempt"], kind="stable")
    found = hashlib.sha256(json.dumps(list(ordered.columns)).encode())
    for name in ordered.columns:
        column = ordered[name]
        if column.dtype.kind in "iuf":
            # Of one width, and with one kind of NaN: a gap turns a column of whole numbers into one of floats.
            values = column.to_numpy("float64", copy=True)
            values[values != values] = float("nan")
            content = values.astype("<f8").tobytes()
        else:
            texts = [None if value is None or value != value else value for value in column.tolist()]
            content = json.dumps(texts, default=str).encode()
        found.update(len(content).to_bytes(8, "little"))
        found.update(content)
    return found.hexdigest()
