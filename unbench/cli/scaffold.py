"""The files with which a method of one's own begins: what is in templates/, under the method's name."""

from __future__ import annotations

import importlib.util
import keyword
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from unbench.config import registry
from unbench.config.cards import Name
from unbench.errors import SpecError, StoreError

_TEMPLATES = Path(__file__).with_name("templates")


def new_method(name: str, out: Path | str = ".") -> list[Path]:
    """Write NAME.py, its card NAME.toml and test_NAME.py into `out`: fine-tuning, with a place for one's own idea.

    Returns:
        The files, in that order.

    Raises:
        SpecError: the name cannot be used, or one of the files exists; nothing was written.
        StoreError: the folder cannot be written in.
        CardError: the cards that there are cannot be read.
    """
    class_name = "".join(part.capitalize() for part in name.split("_"))
    _check_name(name, class_name)
    folder, written = Path(out), []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for template in ("NAME.py", "NAME.toml", "test_NAME.py"):
            text = (_TEMPLATES / f"{template}.txt").read_text("utf-8")
            path = folder / template.replace("NAME", name)
            with path.open("x", encoding="utf-8") as file:
                written.append(path)
                file.write(text.replace("NAME", name).replace("CLASS", class_name))
    except OSError as error:
        for path in written:
            path.unlink()
        if isinstance(error, FileExistsError):
            raise SpecError(f"{error.filename} is there already; nothing was written") from error
        raise StoreError(f"cannot write in {folder}: {error.strerror or error}") from error
    return written


def _check_name(name: str, class_name: str) -> None:
    try:
        TypeAdapter(Name).validate_python(name)
    except ValidationError as error:
        raise SpecError(f"a method's name is small letters, digits and _, a letter first, not {name!r}") from error
    taken = registry.methods().get(name)
    if taken is not None:
        raise SpecError(f"there is a method '{name}' already: {taken.path}")
    if keyword.iskeyword(name) or keyword.iskeyword(class_name):
        raise SpecError(f"'{name}' cannot be a method's name: it is a word of Python's own")
    # Python and pytest put the folder of what they run on sys.path: a random.py in it would be everyone's `random`.
    hidden = importlib.util.find_spec(name)
    if hidden is not None and hidden.origin and Path(hidden.origin).parent != Path.cwd():
        raise SpecError(f"{name}.py would hide the module '{name}' that is installed; choose another name")
