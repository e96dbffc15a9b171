"""Tables and what they leave out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from unbench.store.schema import Row


@dataclass(frozen=True)
class NotedTable:
    """A table, and in words what is missing from it and why."""

    table: pd.DataFrame
    notes: tuple[str, ...] = ()


def noted(rows: Sequence[Row], columns: str, *notes: str) -> NotedTable:
    """Make a table of rows, which has its columns without any row too.

    Args:
        rows: by name of the column.
        columns: their names in order, separated by spaces.
        notes: empty ones are left out.
    """
    import pandas as pd

    return NotedTable(pd.DataFrame(list(rows), columns=columns.split()), tuple(filter(None, notes)))


def listing(words: str, names: Sequence[str], separator: str = ", ") -> str:
    """Return a note that names what has been left out; empty if nothing has.

    >>> listing("Without a gap", ["ft", "ga"])
    'Without a gap: ft, ga.'
    """
    return f"{words}: {separator.join(names)}." if names else ""
