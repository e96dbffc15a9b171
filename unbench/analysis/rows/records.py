"""Rows of a table as plain dicts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """One dict per row, column name to value: many times faster than pandas' own over wide tables of text."""
    names = [str(name) for name in table.columns]
    # In one go: taking columns one by one takes longest where tables are wide and short, as those of a cell are.
    return [dict(zip(names, values, strict=True)) for values in table.to_numpy(dtype=object).tolist()]


def plain_records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The same with None for what is missing: pandas has NaN there, of text as well, which is not equal to itself."""
    plain = table.astype(object)
    return records(plain.where(plain.notna(), None))
