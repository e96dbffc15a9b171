"""The one way to write a name with options: `ft[lr=0.01,epochs=3]`."""

from __future__ import annotations

import re

from unbench.errors import SpecError

_CALL = re.compile(r"\s*([^\[\]\s]+)\s*(?:\[(.*)\])?\s*", re.DOTALL)


def parse_call(text: str) -> tuple[str, dict[str, str]]:
    """Split `name[key=value,...]` into its name and options, all still text.

    >>> parse_call("ft[lr=0.01, epochs=3]")
    ('ft', {'lr': '0.01', 'epochs': '3'})
    """
    match = _CALL.fullmatch(text)
    if not match:
        raise SpecError(f"cannot read '{text}'; write name or name[key=value,...]")
    name, inside = match.groups()
    options: dict[str, str] = {}
    for part in (inside or "").split(","):
        if not part.strip():
            continue
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not (key and equals and value):
            raise SpecError(f"cannot read '{part.strip()}' in '{text}'; write key=value")
        if key in options:
            raise SpecError(f"'{key}' is given twice in '{text}'")
        options[key] = value
    return name, options
