"""The default hyper-parameters of stored rows, as cards and tuned values give them today."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path
from typing import Any

from unbench.analysis.rows.values import json_object
from unbench.config import registry
from unbench.config.cards import MethodCard
from unbench.config.tuned import TunedValues
from unbench.store.schema import Row

NEEDED = ("method", "method_version", "dataset", "preset", "scenario", "model", "stem")
"""Columns that decide what the default is."""

_TUNED: ContextVar[TunedValues | None] = ContextVar("tuned values", default=None)


@contextmanager
def tuned_values_of(results: Path | str) -> Iterator[None]:
    """Let the tuned values of a results folder count in the block; elsewhere only the shipped ones do.

    Raises:
        CardError: the file of tuned values cannot be read.
    """
    token = _TUNED.set(TunedValues.of(results))
    try:
        yield
    finally:
        _TUNED.reset(token)


def default_hparams(row: Row, tuned: bool = True) -> dict[str, Any] | None:
    """Return the hyper-parameters a row's method runs with by default: tuned for its cell, or else those of the card.

    None if the card is unknown or of another version.

    Args:
        row: with the columns of NEEDED.
        tuned: whether what tuning chose counts.

    Raises:
        CardError: the cards or the tuned values cannot be read.
    """
    card = registry.methods().get(row["method"])
    if card is None or card.version != row["method_version"]:
        return None
    values = (_TUNED.get() or TunedValues.of()) if tuned else None
    place = (row["dataset"], row["preset"], row["scenario"], row["model"])
    return dict(_resolved(_CardKey(card), values, place, bool(row["stem"])))


def is_default(row: Row) -> bool:
    """Return whether a row, with its column hparams, has exactly its method's defaults."""
    return json_object(row["hparams"]) == default_hparams(row)


class _CardKey:
    """A card as a key of a cache, equal by identity: what a card holds cannot be hashed."""

    def __init__(self, card: MethodCard) -> None:
        self.card = card

    def __hash__(self) -> int:
        return id(self.card)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _CardKey) and other.card is self.card


# Checking every value of a card takes a while, and a report asks for each row.
@lru_cache(maxsize=4096)
def _resolved(
    key: _CardKey, values: TunedValues | None, place: tuple[str, str, str, str], stem: bool
) -> dict[str, Any]:
    tuned = values.find(key.card, *place) if values else None
    return key.card.resolve_hparams(tuned.hparams if tuned else {}, stem=stem)
