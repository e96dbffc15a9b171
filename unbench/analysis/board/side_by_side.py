"""One number of every method in every cell of a preset, as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from unbench.analysis.board.entries import Arena
from unbench.analysis.board.leaderboard import FAILURES, VALUES
from unbench.analysis.rows.values import json_object, present
from unbench.config.reference_names import ORACLE
from unbench.errors import UnknownNameError

Row = dict[str, Any]


@dataclass(frozen=True)
class Number:
    """Mean and spread of one number, whether it is within noise, and why there is none (empty if there is)."""

    mean: Any = None
    std: Any = None
    within_noise: bool = False
    reason: str = ""


@dataclass(frozen=True)
class Line:
    """One method, or a reference, in every cell; None where nothing is to be said."""

    name: str
    reference: bool
    numbers: tuple[Number | None, ...]


@dataclass(frozen=True)
class SideBySide:
    """One table: its preset, its column of the board, the titles of the cells, its lines."""

    preset: str
    metric: str
    titles: tuple[str, ...]
    lines: tuple[Line, ...]


def check_metric(name: str) -> None:
    """Raise UnknownNameError unless the board has this number."""
    if name not in VALUES:
        raise UnknownNameError("number of the leaderboard", name, VALUES)


def side_by_side(arena: Arena, metric: str = "avg_gap") -> SideBySide | None:
    """The cells of one preset beside each other; None for one cell alone.

    The oracle and the noise floor come first where they have this number, then the methods that most cells have a
    number of, by name.
    """
    if len(arena.cells) < 2:
        return None
    lines = [
        Line(name, False, tuple(_number(rows.get(name), metric) for rows in arena.entries))
        for name in arena.names
        if not any(rows[name]["method"] == ORACLE for rows in arena.entries if name in rows)
    ]
    lines.sort(key=lambda line: (sum(bool(n and n.reason) for n in line.numbers), line.name))
    return SideBySide(arena.preset, metric, arena.titles, (*_references(arena, metric), *lines))


def _number(row: Row | None, metric: str) -> Number:
    if row is None:
        return Number(reason="no current run is stored")
    if present(row[f"{metric}_mean"]):
        return Number(row[f"{metric}_mean"], row[f"{metric}_std"], metric == "avg_gap" and row["within_noise"] is True)
    if not row["n_seeds"]:
        return Number(reason=", ".join(f"{row[f'n_{s}']} {s.replace('_', ' ')}" for s in FAILURES if row[f"n_{s}"]))
    return Number(reason=json_object(row["missing"]).get(metric, "it does not apply"))


def _references(arena: Arena, metric: str) -> list[Line]:
    """Of cells with several oracles the one that post-hoc methods share; none where only other methods are."""
    lines: dict[str, list[Number | None]] = {}
    for number, (cell, rows) in enumerate(zip(arena.cells, arena.entries, strict=True)):
        found = {one.name: one.values.get(metric) for one in reversed(cell.references)}
        for row in rows.values():
            if row["method"] == ORACLE and row["n_seeds"]:
                found["oracle"] = (row[f"{metric}_mean"], row[f"{metric}_std"])
        for name, pair in found.items():
            if pair is not None:
                lines.setdefault(name, [None] * len(arena.cells))[number] = Number(*pair)
    return [Line(name, True, tuple(lines[name])) for name in ("oracle", "noise floor") if name in lines]
