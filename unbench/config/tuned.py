"""Hyper-parameters that `unbench tune` chose, read from a results folder and from the file that ships with unbench.

Such a file is TOML with a table [METHOD.DATASET.PRESET.SCENARIO] for each choice. The results folder comes first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from pydantic import Field, TypeAdapter, ValidationError

from unbench.config.cards import MethodCard, Strict, Value
from unbench.config.toml import first_fault, read_toml
from unbench.errors import CardError, SpecError, refusals_as

SHIPPED = Path(__file__).with_name("tuned.toml")
"""What tuning for the reference results chose, with a remark where it does not help."""


class Tuned(Strict):
    """What `unbench tune` chose for one method, data set, preset and scenario, and how.

    Attributes:
        version, model: of the method, and the backbone; values for other ones are not used.
        rule: column of a run's row that was minimised.
        trials: how many there were.
        score: of the chosen values by the rule, as a mean over the tuning forget sets.
        default_score: that of the defaults; None if they did not finish.
        none_score: that of doing nothing.
        hparams: the values.
        remark: why runs with these values are no better than doing nothing, with numbers. Tuning again drops it.
    """

    version: int = Field(ge=1)
    model: str
    rule: str
    trials: int = Field(ge=1)
    score: float
    default_score: float | None = None
    none_score: float | None = None
    hparams: dict[str, Value]
    remark: str = ""


class Place(NamedTuple):
    """Where a choice applies: the keys of its table."""

    method: str
    dataset: str
    preset: str
    scenario: str


@dataclass(frozen=True, eq=False)
class TunedFile:
    """The choices in one file."""

    path: Path
    choices: Mapping[Place, Tuned]


@dataclass(frozen=True)
class TunedValues:
    """The choices in several files, the first of which counts."""

    files: tuple[TunedFile, ...]

    @classmethod
    def of(cls, results: Path | str | None = None) -> TunedValues:
        """Read the values that apply to a results folder: its own, then the shipped ones.

        Args:
            results: the results folder; None, or one in which nothing was tuned, leaves the shipped values alone.

        Raises:
            CardError: a file cannot be read; the message says where it is wrong.
        """
        own = [] if results is None else [tuned_path(results)]
        with refusals_as(CardError, "cannot read the tuned values"):
            return cls(tuple(read_tuned(path) for path in (*own, SHIPPED) if path.exists()))

    def find(self, card: MethodCard, dataset: str, preset: str, scenario: str, model: str) -> Tuned | None:
        """Return what was chosen for this version of the method in this place, or None.

        Raises:
            CardError: the values are not legal for the method.
        """
        place = Place(card.name, dataset, preset, scenario)
        for file in self.files:
            found = file.choices.get(place)
            if found is not None and (found.version, found.model) == (card.version, model):
                try:
                    card.resolve_hparams(found.hparams)
                except SpecError as error:
                    raise CardError(f"{file.path}, [{'.'.join(place)}]: {error}") from error
                return found
        return None

    def of_method(self, method: str) -> dict[Place, Tuned]:
        """Return every choice for a method."""
        return {
            place: tuned
            for file in reversed(self.files)
            for place, tuned in file.choices.items()
            if place.method == method
        }


def tuned_path(results: Path | str) -> Path:
    """Return where `unbench tune` writes the choices of a results folder, unless told otherwise."""
    return Path(results) / "tuning" / "tuned.toml"


def read_tuned(path: Path) -> TunedFile:
    """Read a file of tuned values; raise CardError if it is not one."""
    state = path.stat()
    return _read(path, (state.st_ino, state.st_mtime_ns, state.st_size))


def parse_choices(content: object) -> dict[Place, Tuned]:
    """Return the choices in the content of a file of tuned values; raise ValidationError if it is wrong."""
    nested = _NESTED.validate_python(content)
    return {
        Place(method, dataset, preset, scenario): tuned
        for method, datasets in nested.items()
        for dataset, presets in datasets.items()
        for preset, scenarios in presets.items()
        for scenario, tuned in scenarios.items()
    }


_NESTED = TypeAdapter(dict[str, dict[str, dict[str, dict[str, Tuned]]]])


@lru_cache(maxsize=16)
def _read(path: Path, _stamp: tuple[int, int, int]) -> TunedFile:
    try:
        return TunedFile(path, parse_choices(read_toml(path)))
    except ValidationError as error:
        raise CardError(f"{path} is not a file of tuned values: {first_fault(error, ())}") from error
