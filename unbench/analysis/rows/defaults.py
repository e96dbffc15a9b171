"""The hyper-parameters that stored rows would have by default, as cards and tuned values give them today."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache, wraps
from pathlib import Path
from typing import Any, TypeVar, cast

from unbench.analysis.rows.values import json_object
from unbench.config import registry
from unbench.config.cards import MethodCard
from unbench.config.tuned import TunedValues

F = TypeVar("F", bound=Callable[..., Any])

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


def with_tuned_values(function: F) -> F:
    """Decorate a function whose first argument is a results folder: that folder's tuned values count within it."""
    first = next(iter(inspect.signature(function).parameters.values()))

    @wraps(function)
    def inside(*args: Any, **kwargs: Any) -> Any:
        with tuned_values_of(args[0] if args else kwargs.get(first.name, first.default)):
            return function(*args, **kwargs)

    return cast(F, inside)


def default_hparams(row: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what a row's method runs with if nothing is given: the values tuned for its cell, or the card's defaults.

    None if the card is unknown or of another version.

    Args:
        row: with the columns of NEEDED.

    Raises:
        CardError: the cards or the tuned values cannot be read.
    """
    card = _card(row)
    if card is None:
        return None
    place = (row["dataset"], row["preset"], row["scenario"], row["model"])
    return dict(_resolved(_Same(card), _TUNED.get() or TunedValues.of(), place, bool(row["stem"])))


def card_defaults(row: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the defaults of the card, whatever tuning chose; None as in `default_hparams`."""
    card = _card(row)
    return None if card is None else card.resolve_hparams({}, stem=bool(row["stem"]))


def is_default(row: Mapping[str, Any]) -> bool:
    """Return True if a row, with its column hparams, has all of its method's defaults and nothing else."""
    return json_object(row["hparams"]) == default_hparams(row)


def _card(row: Mapping[str, Any]) -> MethodCard | None:
    card = registry.methods().get(row["method"])
    return card if card is not None and card.version == row["method_version"] else None


class _Same:
    """A card as a key: equal if it is the same object, because its contents cannot be hashed."""

    def __init__(self, card: MethodCard) -> None:
        self.card = card

    def __hash__(self) -> int:
        return id(self.card)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.card is self.card


@lru_cache(maxsize=4096)
def _resolved(same: _Same, values: TunedValues, place: tuple[str, str, str, str], stem: bool) -> dict[str, Any]:
    """Resolve once for each cell: checking every value of a card takes a while, and a report asks for each row."""
    tuned = values.find(same.card, *place)
    return dict(same.card.resolve_hparams(tuned.hparams if tuned else {}, stem=stem))
