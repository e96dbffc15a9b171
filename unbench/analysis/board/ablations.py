"""Ablations: the effect of one hyper-parameter, from rows that differ from the method's default in nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from unbench.analysis.rows.defaults import default_hparams, is_default
from unbench.analysis.rows.labels import setting_text
from unbench.analysis.rows.values import is_number, json_object
from unbench.store.schema import Row


@dataclass(frozen=True)
class Point:
    """One value of a hyper-parameter.

    Attributes:
        value: as stored in the row's hparams.
        default: whether it is the method's default.
        row: the row of the leaderboard with this value, its scores as `<name>_mean` and `<name>_std`.
    """

    value: Any
    default: bool
    row: Row

    @property
    def text(self) -> str:
        """The value in words."""
        return setting_text(self.value)


@dataclass(frozen=True)
class Ablation:
    """One hyper-parameter of a method.

    Attributes:
        hparam: its name.
        points: in ascending order if all are numbers, else by name; one of them is the default.
    """

    hparam: str
    points: tuple[Point, ...]


@dataclass(frozen=True)
class AblationStudy:
    """A method whose default is in one cell with variants of it, all of one card, recipe and size of model.

    Attributes:
        method: its name.
        default: the row with the default hyper-parameters.
        rows: the default and all its variants in the order of the leaderboard, including those that differ from it in
            several hyper-parameters.
        ablations: one per hyper-parameter that was varied alone, in the order of the card; at least one.
    """

    method: str
    default: Row
    rows: tuple[Row, ...]
    ablations: tuple[Ablation, ...]

    @property
    def ablated(self) -> list[Row]:
        """The rows that differ from the default in exactly one hyper-parameter."""
        return [point.row for ablation in self.ablations for point in ablation.points if not point.default]

    def difference(self, row: Row) -> str:
        """Name the hyper-parameters in which a row differs from the default: `null=0.2, own=0.9`, or `default`."""
        base = json_object(self.default["hparams"])
        values = json_object(row["hparams"]).items()
        return ", ".join(f"{k}={setting_text(v)}" for k, v in values if v != base[k]) or "default"


def studies(rows: Sequence[Row]) -> list[AblationStudy]:
    """Find the ablations among the rows of one cell, in the order in which their methods appear.

    The method's card decides what the default is; a method whose card is unknown, or of another version than its
    rows, has none. If the default was run with several recipes, the one with most variants is taken.

    Args:
        rows: of one cell of the leaderboard.

    Raises:
        CardError: the cards cannot be read.
    """
    by_method: dict[str, list[Row]] = {}
    for row in rows:
        by_method.setdefault(row["method"], []).append(row)
    found = []
    for own in by_method.values():
        defaults = [row for row in own if is_default(row)] if len(own) > 1 else []
        known = [study for row in defaults if (study := _study(row, own))]
        if known:
            found.append(max(known, key=lambda study: len(study.rows)))
    return found


def _study(default: Row, rows: Sequence[Row]) -> AblationStudy | None:
    """Collect the variants of a default row; None if nothing was varied alone."""
    base = default_hparams(default) or {}
    alike = ("method_version", "training", "model_options")
    variants = []
    points: dict[str, list[Point]] = {name: [] for name in base}
    for row in rows:
        hparams = json_object(row["hparams"])
        if hparams.keys() != base.keys() or any(row[name] != default[name] for name in alike):
            continue
        variants.append(row)
        changed = [name for name in base if hparams[name] != base[name]]
        if len(changed) == 1:
            points[changed[0]].append(Point(hparams[changed[0]], False, row))
    ablations = tuple(
        Ablation(name, tuple(_sorted([*others, Point(base[name], True, default)])))
        for name, others in points.items()
        if others
    )
    return AblationStudy(str(default["method"]), default, tuple(variants), ablations) if ablations else None


def _sorted(points: Sequence[Point]) -> list[Point]:
    if all(is_number(point.value) for point in points):
        return sorted(points, key=lambda point: float(point.value))
    return sorted(points, key=lambda point: point.text)
