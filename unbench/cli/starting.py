"""What commands do before the work, so that a mistake shows while it costs nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from unbench.console import say
from unbench.errors import UnknownNameError

if TYPE_CHECKING:
    from unbench.cards import MethodCard


def begin(methods: Iterable[MethodCard]) -> None:
    """Say that work begins, and import its methods' code: what is wrong with that shows before the work."""
    from unbench import registry

    say("unbench is starting ...")
    for card in methods:
        registry.load_code(card)


def check_checksums(value: str) -> None:
    """Raise UnknownNameError for a value that --checksums does not have."""
    if value not in ("auto", "strict", "accept"):
        raise UnknownNameError("value of --checksums", value, ["auto", "strict", "accept"])
