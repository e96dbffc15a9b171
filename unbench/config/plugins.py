"""Plug-ins: cards and code of other people, in loose files, folders and installed packages.

A plug-in is a card NAME.toml, mostly with its code NAME.py beside it, or a folder of cards. In a folder, those in
methods/ and datasets/ count, and beside these folders every NAME.toml that has a NAME.py or is the card of a data set.
The variables UNBENCH_PLUGINS and UNBENCH_CARDS name plug-ins; worker processes inherit them. An installed package names
its folder by an entry point of group `unbench.cards`, and is not imported to find it.
"""

import importlib
import importlib.util
import os
import re
import sys
import traceback
from functools import cache
from importlib import metadata
from pathlib import Path
from types import ModuleType

from unbench.config.cards import Card
from unbench.config.seeds import digest
from unbench.errors import FOREIGN, CardError

GROUP = "unbench.cards"
"""Group of entry points; a value is an importable package or module whose folder holds methods/ or datasets/."""

VARIABLE = "UNBENCH_PLUGINS"
"""Environment variable that `--plugin` adds to; paths are separated as in PATH."""

_VARIABLES = ("UNBENCH_CARDS", VARIABLE)
_FOLDERS = ("methods", "datasets")


def named(*variables: str) -> list[Path]:
    """Return the plug-ins that these environment variables name, absolute and each once; by default all of them."""
    texts = (text for variable in variables or _VARIABLES for text in os.environ.get(variable, "").split(os.pathsep))
    return list(dict.fromkeys(Path(text).absolute() for text in texts if text))


@cache
def installed(searched: tuple[str, ...]) -> dict[Path, str]:
    """Return the folders of cards that installed packages bring, each with the name of its distribution.

    Args:
        searched: sys.path; what was found on one is remembered.

    Raises:
        CardError: an entry point is wrong; the message names the distribution.
    """
    points = metadata.entry_points(group=GROUP)
    return {folder: _owner(point) for point in points for folder in _folders_of(point)}


def cards_in(plugin: Path, folder: str) -> list[Path]:
    """Return the cards in a plug-in that belong in `folder`, which is methods or datasets.

    Raises:
        CardError: there is no plug-in of this path, or no card in it.
    """
    if plugin.is_dir():
        loose = [card for card in sorted(plugin.glob("*.toml")) if _has_code(card) or _is_dataset(card)]
        if not loose and not any((plugin / name).is_dir() for name in _FOLDERS):
            raise CardError(
                f"the plug-in {plugin} has no cards: no NAME.toml beside its NAME.py, no methods/, no datasets/"
            )
    else:
        loose = [_card_of(plugin)]
    return [*sorted((plugin / folder).glob("*.toml")), *(c for c in loose if _is_dataset(c) == (folder == "datasets"))]


def plugin_name(card: Card) -> str | None:
    """Return the file that --plugin takes for a card, without its folder; None if the card is not from a plug-in."""
    path = card.path
    if path is None or not any(plugin in (path, path.with_suffix(".py"), *path.parents) for plugin in named()):
        return None
    return path.with_suffix(".py").name if _has_code(path) else path.name


def load_class(card: Card, code: str) -> type:
    """Import the class that a card points at with "module:Class": from the file beside the card, or else installed.

    Raises:
        CardError: there is no such class, or importing its module raises.
    """
    module, _, attribute = code.partition(":")
    pointed = f"{card.kind} '{card.name}' points at {code}, which"
    try:
        home = (_load_beside(card.path, module) if card.path else None) or importlib.import_module(module)
    except FOREIGN as error:
        raise CardError(f"{pointed} cannot be imported: {_in_one_line(error)}") from error
    found = getattr(home, attribute, None)
    if found is None:
        raise CardError(f"{pointed} cannot be found: there is no '{attribute}' in {getattr(home, '__file__', module)}")
    if not isinstance(found, type):
        raise CardError(f"{pointed} is not a class")
    return found


def _card_of(plugin: Path) -> Path:
    if not plugin.is_file():
        raise CardError(f"there is no plug-in {plugin}; check --plugin, {' and '.join(reversed(_VARIABLES))}")
    if plugin.suffix not in (".py", ".toml"):
        raise CardError(f"the plug-in {plugin} is neither a card, nor a .py file with its card beside it, nor a folder")
    card = plugin.with_suffix(".toml")
    if not card.is_file():
        raise CardError(f"the plug-in {plugin} has no card: there is no {card.name} beside it")
    return card


def _has_code(card: Path) -> bool:
    return card.with_suffix(".py").is_file()


def _is_dataset(path: Path) -> bool:
    """Tell the card of a data set from that of a method, and from other TOML files, without parsing it."""
    return re.search(rb"^(licence\s*=|\[presets\.)", path.read_bytes(), re.MULTILINE) is not None


def _owner(point: metadata.EntryPoint) -> str:
    return point.dist.name if point.dist else "unknown"


def _folders_of(point: metadata.EntryPoint) -> list[Path]:
    entry = f"the installed package '{_owner(point)}' names '{point.value}' as an entry point of group {GROUP}"
    places = _places_of(point.value)
    if not places:
        raise CardError(f"{entry}, which cannot be found; repair or uninstall it")
    folders = [place for place in places if any((place / name).is_dir() for name in _FOLDERS)]
    if not folders:
        raise CardError(f"{entry}, which has neither methods/ nor datasets/ in its folder; repair or uninstall it")
    return folders


def _places_of(name: str) -> list[Path]:
    """Find the folders of a package or module; importlib would import the packages around it to find them."""
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
    return [path for path in found if path.is_dir()] or [p.parent for p in found if p.with_suffix(".py").is_file()]


def _load_beside(card: Path, module: str) -> ModuleType | None:
    """Load MODULE.py beside a card, once; return None if there is no such file.

    It gets a name of its own, so that it hides no installed module, and nothing is put on sys.path.
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


def _in_one_line(error: BaseException) -> str:
    """Describe what was raised, and by which line of the code that was being imported."""
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if "importlib" not in frame.filename and frame.filename != __file__]
    where = f" ({Path(theirs[-1].filename).name}:{theirs[-1].lineno})" if theirs else ""
    return f"{type(error).__name__}: {' '.join(str(error).split())}{where}"
