"""What commands do before the work, so that a mistake shows while it costs nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from unbench.cli.console import log
from unbench.errors import UnknownNameError

if TYPE_CHECKING:
    from unbench.config.cards import MethodCard


def begin(methods: Iterable[MethodCard]) -> None:
    """Say that work begins, and import its methods' code: what is wrong with that shows before the work."""
    from unbench.methods.loading import load_method

    log("unbench is starting ...")
    for card in methods:
        load_method(card)


def check_checksums(value: str) -> None:
    """Raise UnknownNameError for a value that --checksums does not have."""
    if value not in ("auto", "strict", "accept"):
        raise UnknownNameError("value of --checksums", value, ["auto", "strict", "accept"])
