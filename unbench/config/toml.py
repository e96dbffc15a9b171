"""TOML files that people write, and what is wrong with them in one line."""

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from unbench.errors import CardError, UnknownNameError, refusals_as


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file; raise CardError with the place of the mistake if that is impossible."""
    try:
        with refusals_as(CardError, f"cannot read {path}"):
            return tomllib.loads(path.read_text("utf-8"))
    except UnicodeDecodeError as error:
        raise CardError(f"{path} is not UTF-8 text: byte {error.start + 1}: {error.reason}") from error
    except tomllib.TOMLDecodeError as error:
        message, _, place = str(error).rstrip(")").rpartition(" (at ")
        raise CardError(f"{path} is not valid TOML: {place}: {message}") from error


def first_fault(error: ValidationError, known: Iterable[str]) -> str:
    """Describe the first mistake that pydantic found; for an unknown key at the top, offer the nearest of `known`."""
    # A misspelt key is also a missing one; the misspelling is what to report.
    fault = min(error.errors(), key=lambda fault: fault["type"] != "extra_forbidden")
    where = ".".join(map(str, fault["loc"]))
    if fault["type"] == "extra_forbidden" and len(fault["loc"]) == 1:
        return str(UnknownNameError("key", where, known))
    return f"{where}: {fault['msg']}"
