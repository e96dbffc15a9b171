"""Cells of the leaderboard: rows that may be compared with each other, under one heading."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from unbench.reporting.formatting import clean
from unbench.reporting.labels import CELL

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Cell:
    """One comparison.

    Attributes:
        title: such as "digits · random10 · preset cpu · vit".
        slug: the same as a file name without an ending, unlike that of every other cell.
        rows: its rows of the leaderboard, in order.
    """

    title: str
    slug: str
    rows: pd.DataFrame

    @property
    def seeds(self) -> str:
        """How many seeds its numbers rest on: `3 seeds`, `1 to 3 seeds`."""
        counts = sorted(set(self.rows.loc[self.rows["n_seeds"] > 0, "n_seeds"]))
        if not counts:
            return "no seed"
        span = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
        return f"{span} seed{'' if counts[-1] == 1 else 's'}"


def split_cells(board: pd.DataFrame) -> list[Cell]:
    """The cells of a leaderboard, in its order."""
    if board.empty:
        return []
    groups = [rows for _, rows in board.groupby(list(CELL), dropna=False, sort=False)]
    short = ("dataset", "scenario", "preset")
    heads = [{name: clean(rows.iloc[0][name]) for name in CELL} for rows in groups]
    alike = Counter(tuple(head[name] for name in short) for head in heads)
    with_model = Counter(tuple(head[name] for name in (*short, "model")) for head in heads)
    cells: list[Cell] = []
    taken: set[str] = set()
    for head, rows in zip(heads, groups, strict=True):
        base = tuple(head[name] for name in short)
        title = f"{head['dataset']} · {head['scenario']} · preset {head['preset']} · {head['model']}"
        names = list(base)
        if alike[base] > 1:
            names.append(head["model"])
        if with_model[(*base, head["model"])] > 1:
            # Other images under the same name: another version of the card, or files that differ.
            data = f"data v{head['dataset_version']} {head['data_fingerprint'][:8]}"
            title += f" · {data}"
            names.append(data)
        slug = "-".join(_safe(name) for name in names)
        number = 2
        unique = slug
        # Lower case, because some file systems do not tell a.png from A.png.
        while unique.lower() in taken:
            unique, number = f"{slug}-{number}", number + 1
        taken.add(unique.lower())
        cells.append(Cell(title, unique, rows.reset_index(drop=True)))
    return cells


def _safe(name: str) -> str:
    """Letters, digits, dots and underscores: a hyphen only ever separates, and length stays within bounds."""
    return re.sub(r"[^A-Za-z0-9.]+", "_", name).strip("_.")[:60] or "_"
