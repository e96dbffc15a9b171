"""Cells of the leaderboard: rows that may be compared with each other, under one heading."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from unbench.analysis.board.ablations import AblationStudy, studies
from unbench.analysis.board.formatting import seed_span
from unbench.analysis.board.oracles import OracleGroup, oracle_groups
from unbench.analysis.board.rank_basis import BY_GAP, RankBasis
from unbench.analysis.board.ranks import cell_ranks
from unbench.analysis.board.references import ReferenceRow, references
from unbench.analysis.rows.labels import CELL
from unbench.analysis.rows.records import records
from unbench.analysis.rows.values import clean

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class BoardCell:
    """One comparison.

    Attributes:
        place: data set, scenario, preset and model, and what else distinguishes it from others, in words.
        slug: the same as a file name without an extension, unlike that of every other cell.
        rows: its rows of the leaderboard, in order.
        main: those of them that are compared with each other: all but the variants of `studies`.
        studies: ablations, reported apart from the comparison of methods.
        basis: what its rows are ranked by.
    """

    place: tuple[str, ...]
    slug: str
    rows: pd.DataFrame
    main: pd.DataFrame
    studies: tuple[AblationStudy, ...]
    basis: RankBasis

    @property
    def title(self) -> str:
        """Such as "digits · random10 · preset cpu · vit"."""
        return " · ".join(self.place)

    @property
    def seeds(self) -> str:
        """How many seeds the comparison rests on: `3 seeds`, `1 to 3 seeds`."""
        return seed_span(self.main["n_seeds"])

    @cached_property
    def compared(self) -> list[dict[str, Any]]:
        """The rows of `main` as plain dicts."""
        return records(self.main)

    @cached_property
    def current(self) -> pd.DataFrame:
        """Those of `main` that no newer version outdates."""
        return self.main[self.main["outdated"] == ""]

    @cached_property
    def competitors(self) -> dict[str, dict[str, Any]]:
        """The rows of `current` by label."""
        return {row["label"]: row for row in self.compared if row["outdated"] == ""}

    @cached_property
    def ranks(self) -> dict[str, float]:
        """Rank of each row of `current` that has one, by label."""
        return cell_ranks(self.competitors, self.basis)

    @cached_property
    def references(self) -> list[ReferenceRow]:
        """The reference rows on top of `current`."""
        return references(self.current, self.basis.metric)

    @cached_property
    def oracles(self) -> list[OracleGroup]:
        """The pairs of original and oracle that the rows of `main` are compared with."""
        return oracle_groups(self.main)

    @cached_property
    def oracle_of(self) -> dict[str, OracleGroup]:
        """The one of `oracles` that each row of `main` is compared with, by label; rows without an ok run have none."""
        return {label: group for group in self.oracles for label in group.labels}

    @property
    def left_out(self) -> list[str]:
        """In words, which of its rows the comparison leaves out."""
        return [
            f"{study.method}: rows with one hyper-parameter changed from the default are among its ablations in "
            f"leaderboard.md, not in this table: {len(study.ablated)}."
            for study in self.studies
        ]


def split_cells(board: pd.DataFrame, basis: RankBasis = BY_GAP) -> list[BoardCell]:
    """Split a leaderboard into cells, in its order.

    Args:
        board: the leaderboard.
        basis: what rows are ranked by; the board has its columns.

    Raises:
        CardError: the cards of the methods, which determine the defaults, cannot be read.
    """
    if board.empty:
        return []
    groups = [rows for _, rows in board.groupby(list(CELL), dropna=False, sort=False)]
    short = ("dataset", "scenario", "preset")
    heads = [{name: clean(rows.iloc[0][name]) for name in CELL} for rows in groups]
    alike = Counter(tuple(head[name] for name in short) for head in heads)
    same_inputs = Counter(tuple(head[name] for name in (*short, "model", "stem")) for head in heads)
    cells: list[BoardCell] = []
    taken: set[str] = set()
    for head, rows in zip(heads, groups, strict=True):
        base = tuple(head[name] for name in short)
        place = [head["dataset"], head["scenario"], f"preset {head['preset']}", head["model"]]
        names = list(base)
        if alike[base] > 1:
            names.append(head["model"])
            if head["stem"]:
                place.append(f"stem {head['stem']}")
                names.append(head["stem"])
        if same_inputs[(*base, head["model"], head["stem"])] > 1:
            # Other images under the same name: another version of the card, or files that differ.
            data = f"data v{head['dataset_version']} {head['data_fingerprint'][:8]}"
            place.append(data)
            names.append(data)
        slug = _unique("-".join(safe(name) for name in names), taken)
        found = tuple(studies(rows))
        apart = {row["label"] for study in found for row in study.ablated}
        main = rows[~rows["label"].isin(apart)].reset_index(drop=True)
        cells.append(BoardCell(tuple(place), slug, rows.reset_index(drop=True), main, found, basis))
    return cells


def _unique(slug: str, taken: set[str]) -> str:
    """Append a number to a slug that is taken, whatever its case: some file systems equate a.png and A.png."""
    unique, number = slug, 2
    while unique.lower() in taken:
        unique, number = f"{slug}-{number}", number + 1
    taken.add(unique.lower())
    return unique


def board_ranks(cells: Sequence[BoardCell]) -> list[float | None]:
    """Return the rank of each row of the leaderboard within its cell, in its order; None for a row without one."""
    return [cell.ranks.get(label) for cell in cells for label in cell.rows["label"]]


def short_titles(cells: Sequence[BoardCell]) -> tuple[str, ...]:
    """Return the titles of cells without the parts that all share, if the rest of each is distinct."""
    places = [cell.place for cell in cells]
    shared = set(places[0]).intersection(*places[1:]) if places else set()
    short = tuple(" · ".join(part for part in place if part not in shared) for place in places)
    return short if all(short) and len(set(short)) == len(short) else tuple(cell.title for cell in cells)


def safe(name: str) -> str:
    """Return at most 60 letters, digits, dots and underscores: hyphens separate the parts of a file name."""
    return re.sub(r"[^A-Za-z0-9.]+", "_", name).strip("_.")[:60] or "_"
