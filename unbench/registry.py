"""Names to cards to code. Cards are read eagerly (they are small), code is imported on use.

Cards are looked for in every folder of UNBENCH_CARDS (each with methods/ and datasets/ inside), then in the
repository beside the package, else in the copy that the wheel carries. A name found twice is an error.
"""

from __future__ import annotations

import importlib
import os
from functools import cache
from pathlib import Path
from typing import Any

from unbench.cards import CardT, DatasetCard, MethodCard, read_card
from unbench.errors import CardError, UnknownNameError

_PACKAGE = Path(__file__).resolve().parent


def card_folders() -> list[Path]:
    """The folders that hold methods/ and datasets/, a user's own first."""
    own = [Path(p) for p in os.environ.get("UNBENCH_CARDS", "").split(os.pathsep) if p]
    for folder in own:
        if not folder.is_dir():
            raise CardError(f"UNBENCH_CARDS names {folder}, which is not a folder")
    repo = _PACKAGE.parent
    shipped = repo if (repo / "pyproject.toml").is_file() and (repo / "methods").is_dir() else _PACKAGE / "_cards"
    return [*own, shipped]


def methods() -> dict[str, MethodCard]:
    """All method cards by name, sorted."""
    return _cards("methods", MethodCard)


def datasets() -> dict[str, DatasetCard]:
    """All data set cards by name, sorted."""
    return _cards("datasets", DatasetCard)


def method(name: str) -> MethodCard:
    """The card of one method; raises UnknownNameError with the nearest name."""
    return _pick("method", name, methods())


def dataset(name: str) -> DatasetCard:
    """The card of one data set; raises UnknownNameError with the nearest name."""
    return _pick("dataset", name, datasets())


def load_code(card: MethodCard) -> Any:
    """Import the object that a method card points at."""
    module, _, attribute = card.code.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise CardError(f"method '{card.name}' points at {card.code}, which cannot be imported: {error}") from error


def _pick(kind: str, name: str, known: dict[str, CardT]) -> CardT:
    if name not in known:
        raise UnknownNameError(kind, name, known)
    return known[name]


def _cards(folder: str, kind: type[CardT]) -> dict[str, CardT]:
    return dict(_read_all(tuple(card_folders()), folder, kind))


@cache
def _read_all(roots: tuple[Path, ...], folder: str, kind: type[CardT]) -> dict[str, CardT]:
    found: dict[str, CardT] = {}
    for root in roots:
        for path in sorted((root / folder).glob("*.toml")):
            card = read_card(path, kind)
            if card.name in found:
                raise CardError(f"two cards are called '{card.name}': {found[card.name].path} and {path}")
            found[card.name] = card
    return dict(sorted(found.items()))
