"""Cards and code of other people: packages that are installed, and loose files.

A package says by an entry point of group `unbench.cards` where its cards are, and is not imported to find them. A loose
method is NAME.py with its card NAME.toml beside it, named in UNBENCH_PLUGINS, which worker processes inherit.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from functools import cache
from importlib import metadata
from pathlib import Path
from types import ModuleType

from unbench.errors import CardError
from unbench.seeds import digest

GROUP = "unbench.cards"
"""Of entry points; a value is an importable package or module whose folder holds methods/ or datasets/."""

VARIABLE = "UNBENCH_PLUGINS"
"""Of the environment: loose methods, separated as in PATH."""


def installed_folders() -> dict[Path, str]:
    """Folders with methods/ or datasets/ of installed packages, each with the name of its distribution.

    Raises:
        CardError: an entry point is wrong; the message names the distribution.
    """
    return dict(_installed(tuple(sys.path)))


@cache
def _installed(_searched: tuple[str, ...]) -> dict[Path, str]:
    points = metadata.entry_points(group=GROUP)
    return {folder: _owner(point) for point in points for folder in _folders_of(point)}


def _owner(point: metadata.EntryPoint) -> str:
    return point.dist.name if point.dist else "unknown"


def _folders_of(point: metadata.EntryPoint) -> list[Path]:
    named = f"the installed package '{_owner(point)}' names '{point.value}' as an entry point of group {GROUP}"
    places = _places_of(point.value)
    if not places:
        raise CardError(f"{named}, which cannot be found; repair or uninstall it")
    folders = [place for place in places if (place / "methods").is_dir() or (place / "datasets").is_dir()]
    if not folders:
        raise CardError(f"{named}, which has neither methods/ nor datasets/ in its folder; repair or uninstall it")
    return folders


def _places_of(name: str) -> list[Path]:
    """Where a package or the file of a module lies; importlib would import the packages around it to say so."""
    top, *inner = name.split(".")
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        return []
    if spec.submodule_search_locations is None:
        return [Path(spec.origin).parent] if spec.origin and spec.has_location and not inner else []
    found = [Path(place, *inner) for place in spec.submodule_search_locations]
    packages = [path for path in found if path.is_dir()]
    return packages or [path.parent for path in found if path.with_suffix(".py").is_file()]


def loose_cards() -> list[Path]:
    """The cards of the methods in UNBENCH_PLUGINS, absolute, each once; raises CardError for what is no method."""
    return list(dict.fromkeys(card for plugin in loose_plugins() for card in _cards_of(plugin)))


def loose_plugins() -> list[Path]:
    """What UNBENCH_PLUGINS names, absolute: .py files, .toml cards, or folders."""
    return [Path(name).absolute() for name in os.environ.get(VARIABLE, "").split(os.pathsep) if name]


def _cards_of(plugin: Path) -> list[Path]:
    if plugin.is_dir():
        cards = [card for card in sorted(plugin.glob("*.toml")) if card.with_suffix(".py").is_file()]
        if not cards:
            raise CardError(f"the plug-in {plugin} holds no method: no NAME.py that has its card NAME.toml beside it")
        return cards
    if not plugin.is_file():
        raise CardError(f"there is no plug-in {plugin}; it is named by --plugin or {VARIABLE}")
    if plugin.suffix not in (".py", ".toml"):
        raise CardError(f"the plug-in {plugin} is neither a .py file with its card beside it, nor a card, nor a folder")
    card = plugin.with_suffix(".toml")
    if not card.is_file():
        raise CardError(f"the plug-in {plugin} has no card: there is no {card.name} beside it")
    return [card]


def load_beside(card: Path, module: str) -> ModuleType | None:
    """The module in MODULE.py beside a card, loaded once; None if there is no such file.

    It goes by a name of its own, so that it hides no installed module, and nothing is put on sys.path.
    """
    file = card.with_name(f"{module}.py").resolve()
    if "." in module or not file.is_file():
        return None
    name = f"unbench_plugin_{module}_{digest(str(file), 8)}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, file)
        assert spec is not None and spec.loader is not None, "the file's name ends in .py"
        sys.modules[name] = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(sys.modules[name])
        except BaseException:
            del sys.modules[name]
            raise
    return sys.modules[name]
