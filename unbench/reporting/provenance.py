"""Provenance of a report: a digest of the runs behind it, the version of unbench, the command."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from unbench.analysis.board.rank_basis import BY_GAP
from unbench.analysis.board.selection import arguments

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Provenance:
    """What a report was made from and by. It names no time and no folder, so that the same results give the same bytes.

    Attributes:
        runs: how many runs were read.
        sha256: over their keys, attempts and everything else in their rows.
        version: of unbench.
        command: with its filters and the metric.
        filtered: whether filters may have left runs out.
    """

    runs: int
    sha256: str
    version: str
    command: str
    filtered: bool = False

    @property
    def sentence(self) -> str:
        """All but the command, in words."""
        return (
            f"Made by unbench {self.version} from {self.runs} runs; SHA-256 of their rows: {self.sha256}. "
            "The command, without its folders:"
        )

    @classmethod
    def of(cls, frame: pd.DataFrame, options: Mapping[str, Any] | None = None) -> Provenance:
        """Describe a report.

        Args:
            frame: the runs as unbench.load_results returns them, after filtering.
            options: as in unbench.reporting.ReportOptions.
        """
        options = options or {}
        filters, metric = arguments(options), options.get("metric", BY_GAP.metric)
        shown = [f"--metric {metric}"] if metric != BY_GAP.metric else []
        command = " ".join(["unbench report", *filters, *shown])
        return cls(len(frame), digest(frame), version("unbench"), command, bool(filters))


def digest(frame: pd.DataFrame) -> str:
    """Return the SHA-256 of all rows in order of run key and attempt, 64 hexadecimal digits, whatever their order."""
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
