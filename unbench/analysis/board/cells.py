"""Cells of the leaderboard, whose rows can be compared with each other, and the cells of one preset side by side."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from unbench.analysis.board.ablations import AblationStudy, studies
from unbench.analysis.board.formatting import seed_span
from unbench.analysis.board.oracles import OracleGroup, ReferenceRow, oracle_groups, references
from unbench.analysis.board.rank_basis import BY_GAP, RankBasis
from unbench.analysis.board.ranks import CriticalDifference, Ranking, cell_ranks, critical_difference, ranking
from unbench.analysis.rows.labels import CELL, row_labels
from unbench.analysis.rows.values import clean, records

if TYPE_CHECKING:
    import pandas as pd


SAME = (
    "A name stands for one row of each cell: the one with the method's default or tuned hyper-parameters, or its only "
    "one. Rows of outdated versions are left out. The oracle and the noise floor are those that post-hoc methods "
    "share; a method with an oracle of its own is compared with that one."
)
"""When rows of different cells share a name."""


@dataclass(frozen=True)
class BoardCell:
    """One comparison.

    Attributes:
        place: data set, scenario, preset and model, and what else distinguishes it from others, in words.
        slug: the same as a file name without an extension, unlike that of every other cell.
        rows: its rows of the leaderboard, in order.
        main: those of them that are compared with each other: all but the variants of `studies`.
        records, main_records: the rows of both as plain dicts.
        studies: ablations, reported apart from the comparison of methods.
        basis: what its rows are ranked by.
    """

    place: tuple[str, ...]
    slug: str
    rows: pd.DataFrame
    main: pd.DataFrame
    records: Sequence[dict[str, Any]]
    main_records: Sequence[dict[str, Any]]
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
    def competitors(self) -> dict[str, dict[str, Any]]:
        """Those rows of `main` that no newer version outdates, by label."""
        return {row["label"]: row for row in self.main_records if not row["outdated"]}

    @cached_property
    def ranks(self) -> dict[str, float]:
        """Rank of each of the competitors that has one, by label."""
        return cell_ranks(self.competitors, self.basis)

    @cached_property
    def references(self) -> list[ReferenceRow]:
        """The reference rows on top of the competitors."""
        return references(list(self.competitors.values()), self.basis.metric)

    @cached_property
    def oracles(self) -> list[OracleGroup]:
        """The pairs of original and oracle that the rows of `main` are compared with."""
        return oracle_groups(self.main_records)

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


@dataclass(frozen=True)
class CrossSetting:
    """The cells of one preset, compared; presets are never mixed.

    Attributes:
        preset: its name.
        cells: those with current rows.
        entries: for each cell its current rows by name; the names are labels without outdated rows beside them.
    """

    preset: str
    cells: tuple[BoardCell, ...]
    entries: tuple[dict[str, dict[str, Any]], ...]

    @cached_property
    def titles(self) -> tuple[str, ...]:
        """Titles of the cells, without the parts that all share if the rest is distinct."""
        return short_titles(self.cells)

    @property
    def names(self) -> list[str]:
        """Names of all entries, each once, in the order in which cells have them."""
        return list(dict.fromkeys(name for rows in self.entries for name in rows))

    @cached_property
    def ranking(self) -> Ranking:
        """Mean ranks over the cells."""
        return ranking(self.titles, self.entries, self.cells[0].basis)

    @cached_property
    def critical(self) -> CriticalDifference | str:
        """The test of these ranks, or why there is none."""
        return critical_difference(self.ranking)


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
    plain = [records(rows) for rows in groups]
    short = ("dataset", "scenario", "preset")
    heads = [{name: clean(rows[0][name]) for name in CELL} for rows in plain]
    alike = Counter(tuple(head[name] for name in short) for head in heads)
    same_inputs = Counter(tuple(head[name] for name in (*short, "model", "stem")) for head in heads)
    cells: list[BoardCell] = []
    taken: set[str] = set()
    for head, rows, every in zip(heads, groups, plain, strict=True):
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
        found = tuple(studies(every))
        apart = {row["label"] for study in found for row in study.ablated}
        main = rows[~rows["label"].isin(apart)].reset_index(drop=True)
        compared = [row for row in every if row["label"] not in apart]
        whole = rows.reset_index(drop=True)
        cells.append(BoardCell(tuple(place), slug, whole, main, every, compared, found, basis))
    return cells


def _unique(slug: str, taken: set[str]) -> str:
    """Append a number to a slug that is taken, whatever its case: some file systems equate a.png and A.png."""
    unique, number = slug, 2
    while unique.lower() in taken:
        unique, number = f"{slug}-{number}", number + 1
    taken.add(unique.lower())
    return unique


def cross_settings(cells: Sequence[BoardCell]) -> list[CrossSetting]:
    """Group the cells by preset, in their order."""
    by_preset: dict[str, list[BoardCell]] = {}
    for cell in cells:
        if cell.competitors:
            by_preset.setdefault(str(cell.records[0]["preset"]), []).append(cell)
    return [
        CrossSetting(preset, tuple(members), tuple(map(_entries, members))) for preset, members in by_preset.items()
    ]


def _entries(cell: BoardCell) -> dict[str, dict[str, Any]]:
    rows = list(cell.competitors.values())
    return dict(zip(row_labels(rows), rows, strict=True))


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
