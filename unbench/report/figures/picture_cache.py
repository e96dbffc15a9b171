"""What each picture was drawn from: one that would come out the same is not drawn again.

Drawing takes most of the time of a report, and from one report to the next, as of a sweep that is watched, few of the
pictures change.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib

from unbench.errors import StoreError
from unbench.seeds import digest
from unbench.store.files import keep_from_git, write_text

if TYPE_CHECKING:
    from unbench.report.figures.sketch import Sketch


class PictureCache:
    """Remembers the pictures of one folder, in its subfolder .cache; whatever happens to that, it costs time alone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / ".cache" / "pictures.json"
        try:
            known = json.loads(self._file.read_bytes())
        except (OSError, ValueError):
            known = {}
        self._known: dict[str, list[str]] = known if isinstance(known, dict) else {}

    def holds(self, name: str, drawn_from: str) -> bool:
        """Whether the picture is there, whole, and drawn from just this."""
        try:
            return self._known.get(name) == [drawn_from, _sha256((self._folder / name).read_bytes())]
        except OSError:
            return False

    def add(self, name: str, drawn_from: str, content: bytes) -> None:
        """Remember, until `save` does for good, a picture that has been written with this content."""
        self._known[name] = [drawn_from, _sha256(content)]

    def save(self) -> None:
        """Write down what is remembered of pictures that are there."""
        self._known = {name: about for name, about in self._known.items() if (self._folder / name).is_file()}
        with suppress(StoreError):
            keep_from_git(self._file.parent)
            write_text(self._file, json.dumps(self._known, indent=1, sort_keys=True) + "\n")


def drawn_from(sketch: Sketch) -> str:
    """64 hexadecimal digits: the same for the same table, words, colours and code that draws."""
    from pandas.util import hash_pandas_object

    # A number for each row: the text of a large table would take longer to make than the picture.
    table, methods = sketch.data.table, sketch.palette.methods if sketch.palette else ()
    rows = _sha256(hash_pandas_object(table, index=False).to_numpy().tobytes())
    said = [sketch.words, sketch.data.notes, methods, list(table.columns), rows, matplotlib.__version__, _code()]
    return digest(said, 64)


@cache
def _code() -> str:
    """All of reporting, and how it reads rows: any part of it may say what stands in a picture."""
    root = Path(__file__).parents[2]
    files = sorted(path for part in ("report", "analysis") for path in (root / part).rglob("*.py"))
    return _sha256(b"".join(path.read_bytes() for path in files))


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
