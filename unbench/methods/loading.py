"""From a method's card to its class."""

from __future__ import annotations

from unbench.config.cards import MethodCard
from unbench.config.plugins import load_class
from unbench.errors import CardError
from unbench.methods.base import Method


def load_method(card: MethodCard) -> type[Method]:
    """Import the class that a method card points at: from the file beside the card, or else an installed module.

    Raises:
        CardError: there is no such class, it is not a subclass of Method, or importing it raises.
    """
    found = load_class(card, card.code)
    if not issubclass(found, Method):
        raise CardError(f"method '{card.name}': {card.code} must be a subclass of unbench.methods.Method")
    return found
