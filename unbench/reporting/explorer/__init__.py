"""The explorer: one HTML file in which a person picks, sorts, zooms and compares what is stored.

It opens from disk, without a server or a network. Everything in it is data made here, drawn by the scripts in
static/ with Vega-Lite, whose JavaScript is inside the file and comes with the extra `explorer`.
"""

from collections.abc import Callable, Sequence
from importlib.util import find_spec

from unbench.errors import SpecError

REMEDY = 'pip install "unbench[explorer]"'


def writable_formats(asked: Sequence[str] | None, every: Sequence[str], log: Callable[[str], None]) -> Sequence[str]:
    """Return the formats to write a report in: those asked for, or all that this installation can write.

    Args:
        asked: None for as many as possible.
        every: format there is.
        log: called with a line if the explorer is left out.

    Raises:
        SpecError: the explorer is asked for and its extra is not installed.
    """
    if find_spec("vl_convert") is not None:
        return every if asked is None else asked
    if asked is None:
        log(f"explorer.html left out: {REMEDY}")
        return [name for name in every if name != "explorer"]
    if "explorer" in asked:
        raise SpecError(f"explorer.html needs vl-convert-python: {REMEDY}")
    return asked
