"""Names with options, `ft[lr=0.01,epochs=3]`, and with alternatives, `ft[lr=0.01|0.1]`."""

import json
import re
from collections.abc import Mapping
from itertools import product

from unbench.errors import SpecError

_CALL = re.compile(r"\s*([^\[\]\s]+)\s*(?:\[(.*)\])?\s*", re.DOTALL)


def parse_call(text: str) -> tuple[str, dict[str, str]]:
    """Split `name[key=value,...]` into its name and options, which stay text.

    >>> parse_call("ft[lr=0.01, epochs=3]")
    ('ft', {'lr': '0.01', 'epochs': '3'})
    """
    match = _CALL.fullmatch(text)
    if not match:
        raise SpecError(f"cannot read '{text}'; write name or name[key=value,...]")
    name, inside = match.groups()
    options: dict[str, str] = {}
    for part in filter(None, map(str.strip, (inside or "").split(","))):
        key, _, value = map(str.strip, part.partition("="))
        if not (key and value):
            raise SpecError(f"cannot read '{part}' in '{text}'; write key=value")
        if key in options:
            raise SpecError(f"'{key}' appears twice in '{text}'")
        options[key] = value
    return name, options


def write_call(name: str, options: Mapping[str, object]) -> str:
    """Return the text that `parse_call` reads: the name alone if there are no options.

    >>> write_call("ft", {"lr": 0.01, "epochs": 3})
    'ft[lr=0.01,epochs=3]'
    """
    texts = (f"{key}={value if isinstance(value, str) else json.dumps(value)}" for key, value in options.items())
    return f"{name}[{','.join(texts)}]" if options else name


def expand(text: str) -> list[str]:
    """Return every combination of alternatives, the last option changing fastest; [text] if there are none.

    >>> expand("ft[lr=0.01|0.1, epochs=3]")
    ['ft[lr=0.01,epochs=3]', 'ft[lr=0.1,epochs=3]']
    """
    if "|" not in text:
        return [text]
    name, options = parse_call(text)
    lists = [[value.strip() for value in values.split("|")] for values in options.values()]
    if any(not value for values in lists for value in values):
        raise SpecError(f"empty alternative in '{text}'; write key=one|other")
    return [write_call(name, dict(zip(options, chosen, strict=True))) for chosen in product(*lists)]
