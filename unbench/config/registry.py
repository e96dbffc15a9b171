"""Names to cards to code. Cards are read eagerly (they are small), code is imported on use.

Cards are looked for in the repository beside the package, else in the copy that the wheel carries; in every folder of
UNBENCH_CARDS (each with methods/ and datasets/ inside); in installed packages and loose files (unbench.config.plugins).
A name found twice is an error.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from unbench.config import plugins
from unbench.config.cards import CardT, DatasetCard, MethodCard, read_card
from unbench.errors import CardError, UnknownNameError

_PACKAGE = Path(__file__).resolve().parents[1]


def card_folders() -> dict[Path, str]:
    """The folders that hold methods/ and datasets/, each with the installed package that brought it, if one did."""
    own = [Path(p) for p in os.environ.get("UNBENCH_CARDS", "").split(os.pathsep) if p]
    for folder in own:
        if not folder.is_dir():
            raise CardError(f"UNBENCH_CARDS names {folder}, which is not a folder")
    return {_shipped(): "", **dict.fromkeys(own, ""), **plugins.installed_folders()}


@cache
def _shipped() -> Path:
    repo = _PACKAGE.parent
    return repo if (repo / "pyproject.toml").is_file() and (repo / "methods").is_dir() else _PACKAGE / "_cards"


def add_plugin(path: Path | str) -> None:
    """Make loose methods known, in this process and in those that it starts.

    Args:
        path: NAME.py with its card NAME.toml beside it, the card, or a folder of such pairs.

    Raises:
        CardError: there is no such method, its card is wrong, or its name is taken; nothing was added.
    """
    added = Path(path).absolute()
    if os.pathsep in str(added):
        raise CardError(f"the plug-in {added} cannot be handed to other processes: its path contains '{os.pathsep}'")
    before = os.environ.get(plugins.VARIABLE, "")
    os.environ[plugins.VARIABLE] = os.pathsep.join(map(str, dict.fromkeys([*plugins.loose_plugins(), added])))
    try:
        methods()
    except CardError:
        os.environ[plugins.VARIABLE] = before
        raise


def methods() -> dict[str, MethodCard]:
    """All method cards by name, sorted."""
    return _cards("methods", MethodCard, plugins.loose_cards())


def datasets() -> dict[str, DatasetCard]:
    """All data set cards by name, sorted."""
    return _cards("datasets", DatasetCard)


def method(name: str) -> MethodCard:
    """The card of one method; raises UnknownNameError with the nearest name."""
    return _pick("method", name, methods())


def dataset(name: str) -> DatasetCard:
    """The card of one data set; raises UnknownNameError with the nearest name."""
    return _pick("dataset", name, datasets())


def _pick(kind: str, name: str, known: dict[str, CardT]) -> CardT:
    if name not in known:
        raise UnknownNameError(kind, name, known)
    return known[name]


def _cards(folder: str, kind: type[CardT], loose: list[Path] | None = None) -> dict[str, CardT]:
    return dict(_read_all(tuple(card_folders().items()), tuple(loose or ()), folder, kind))


@cache
def _read_all(
    roots: tuple[tuple[Path, str], ...], loose: tuple[Path, ...], folder: str, kind: type[CardT]
) -> dict[str, CardT]:
    files = [(path, owner) for root, owner in roots for path in sorted((root / folder).glob("*.toml"))]
    found: dict[str, CardT] = {}
    for path, owner in [*files, *((path, "") for path in loose)]:
        try:
            card = read_card(path, kind)
            other = found.setdefault(card.name, card).path or path
            if not other.samefile(path):
                raise CardError(f"two cards are called '{card.name}': {other} and {path}")
        except CardError as error:
            if not owner:
                raise
            raise CardError(f"{error} (of the installed package '{owner}')") from error
    return dict(sorted(found.items()))
