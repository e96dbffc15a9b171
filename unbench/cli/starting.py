"""What commands do first, so that mistakes show before the work begins."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from unbench.cli.console import log
from unbench.errors import UnknownNameError

if TYPE_CHECKING:
    from unbench.config.cards import MethodCard


def begin(methods: Iterable[MethodCard]) -> None:
    """Announce that work begins, and import the code of its methods; raise CardError if it cannot be used."""
    from unbench.methods.base import load_method

    log("unbench is starting ...")
    for card in methods:
        load_method(card)


def check_checksums(value: str) -> None:
    """Raise UnknownNameError for a value that --checksums does not have."""
    known = ("auto", "strict", "accept")
    if value not in known:
        raise UnknownNameError("value", value, known, "of --checksums")
