"""A table and what it leaves out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class NotedTable:
    """A table, and in words what is missing from it and why."""

    table: pd.DataFrame
    notes: tuple[str, ...] = ()
