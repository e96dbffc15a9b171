"""From a method's card to its class."""

from __future__ import annotations

import importlib
import traceback
from pathlib import Path

from unbench.config import plugins
from unbench.config.cards import MethodCard
from unbench.errors import FOREIGN, CardError
from unbench.methods.base import Method


def load_method(card: MethodCard) -> type[Method]:
    """Import the class that a method card points at: from the file beside the card, or else an installed module.

    Raises:
        CardError: there is no such class, it is not a subclass of Method, or importing it raises.
    """
    module, _, attribute = card.code.partition(":")
    pointed = f"method '{card.name}' points at {card.code}, which"
    try:
        home = plugins.load_beside(card.path, module) if card.path else None
        home = home or importlib.import_module(module)
    except FOREIGN as error:
        raise CardError(f"{pointed} cannot be imported: {_in_one_line(error)}") from error
    found = getattr(home, attribute, None)
    if found is None:
        raise CardError(f"{pointed} cannot be found: there is no '{attribute}' in {getattr(home, '__file__', module)}")
    if not (isinstance(found, type) and issubclass(found, Method)):
        raise CardError(f"{pointed} must be a subclass of unbench.methods.Method")
    return found


def _in_one_line(error: BaseException) -> str:
    """Describe what was raised, and by which line of the code that was being imported."""
    frames = traceback.extract_tb(error.__traceback__)
    files = [(Path(frame.filename), frame.lineno) for frame in frames if "importlib" not in frame.filename]
    theirs = [(file, line) for file, line in files if file != Path(__file__)]
    where = f" ({theirs[-1][0].name}:{theirs[-1][1]})" if theirs else ""
    return f"{type(error).__name__}: {' '.join(str(error).split())}{where}"
