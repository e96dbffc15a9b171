"""The hyper-parameters that stored rows would have by default, as the method's card gives them today."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from unbench.analysis.rows.values import json_object
from unbench.config import registry
from unbench.config.cards import MethodCard

NEEDED = ("method", "method_version", "dataset", "preset", "scenario", "model", "stem")
"""Columns that decide what the default is."""


def default_hparams(row: Mapping[str, Any]) -> dict[str, Any] | None:
    """What a row's method runs with where nothing is said: tuned for its cell, or else the defaults of the card.

    None if the card is unknown or of another version.

    Args:
        row: with the columns of NEEDED.

    Raises:
        CardError: the cards cannot be read.
    """
    card = _card(row)
    if card is None:
        return None
    place = (row["dataset"], row["preset"], row["scenario"], row["model"])
    return dict(_resolved(_Same(card), place, bool(row["stem"])))


def card_defaults(row: Mapping[str, Any]) -> dict[str, Any] | None:
    """The defaults of the card, whatever tuning chose; None as in `default_hparams`."""
    card = _card(row)
    return None if card is None else dict(_resolved(_Same(card), None, bool(row["stem"])))


def is_default(row: Mapping[str, Any]) -> bool:
    """Whether a row, with its column hparams, has all of its method's defaults and nothing else."""
    return json_object(row["hparams"]) == default_hparams(row)


def _card(row: Mapping[str, Any]) -> MethodCard | None:
    card = registry.methods().get(row["method"])
    return card if card is not None and card.version == row["method_version"] else None


class _Same:
    """A card as a key: equal if it is the very same one, for what is inside it cannot be hashed."""

    def __init__(self, card: MethodCard) -> None:
        self.card = card

    def __hash__(self) -> int:
        return id(self.card)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.card is self.card


@lru_cache(maxsize=4096)
def _resolved(same: _Same, place: tuple[str, str, str, str] | None, stem: bool) -> dict[str, Any]:
    """Checking every value of a card takes a while, and a report asks of each row."""
    tuned = same.card.tuned_for(*place) if place else None
    return dict(same.card.resolve_hparams(tuned.hparams if tuned else {}, stem=stem))
