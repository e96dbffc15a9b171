"""Names to cards. Cards are small and are read at once; the code that they name is imported on use.

Cards are those of the repository beside the package, or else the copy in the wheel, and those of plug-ins
(unbench.config.plugins). A name found twice is an error.
"""

import os
import sys
from functools import cache
from pathlib import Path

from unbench.config import plugins
from unbench.config.cards import CardT, DatasetCard, MethodCard, read_card
from unbench.errors import CardError, UnknownNameError

_PACKAGE = Path(__file__).resolve().parents[1]


def add_plugin(path: Path | str) -> None:
    """Make a plug-in known, in this process and in those that it starts.

    Args:
        path: NAME.py with its card NAME.toml beside it, a card, or a folder of cards; see unbench.config.plugins.

    Raises:
        CardError: there is no such plug-in, a card of it is wrong, or a name is taken; nothing was added.
    """
    added = Path(path).absolute()
    if os.pathsep in str(added):
        raise CardError(f"the plug-in {added} cannot be passed to other processes: its path contains '{os.pathsep}'")
    before = os.environ.get(plugins.VARIABLE, "")
    paths = dict.fromkeys([*plugins.named(plugins.VARIABLE), added])
    os.environ[plugins.VARIABLE] = os.pathsep.join(map(str, paths))
    try:
        methods()
        datasets()
    except CardError:
        os.environ[plugins.VARIABLE] = before
        raise


def methods() -> dict[str, MethodCard]:
    """Return all method cards by name, sorted."""
    return _cards("methods", MethodCard)


def datasets() -> dict[str, DatasetCard]:
    """Return all data set cards by name, sorted."""
    return _cards("datasets", DatasetCard)


def method(name: str) -> MethodCard:
    """Return the card of one method; raise UnknownNameError with the nearest name."""
    return _pick("method", name, methods())


def dataset(name: str) -> DatasetCard:
    """Return the card of one data set; raise UnknownNameError with the nearest name."""
    return _pick("dataset", name, datasets())


def _pick(kind: str, name: str, known: dict[str, CardT]) -> CardT:
    if name not in known:
        raise UnknownNameError(kind, name, known)
    return known[name]


def _cards(folder: str, kind: type[CardT]) -> dict[str, CardT]:
    return dict(_read_all(tuple(plugins.named()), tuple(sys.path), folder, kind))


@cache
def _read_all(named: tuple[Path, ...], searched: tuple[str, ...], folder: str, kind: type[CardT]) -> dict[str, CardT]:
    folders = {_shipped(): "", **plugins.installed(searched)}
    files = [(card, owner) for root, owner in folders.items() for card in sorted((root / folder).glob("*.toml"))]
    files += [(card, "") for plugin in named for card in plugins.cards_in(plugin, folder)]
    found: dict[str, CardT] = {}
    for path, owner in files:
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


def _shipped() -> Path:
    repo = _PACKAGE.parent
    return repo if (repo / "pyproject.toml").is_file() and (repo / "methods").is_dir() else _PACKAGE / "_cards"
