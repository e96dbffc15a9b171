"""The files that a new method starts from: those in templates/, under the method's name."""

import importlib.util
import keyword
import re
from pathlib import Path

from unbench.config import registry
from unbench.config.cards import NAME
from unbench.errors import SpecError, StoreError

_TEMPLATES = Path(__file__).with_name("templates")


def new_method(name: str, out: Path | str = ".") -> list[Path]:
    """Write NAME.py, its card NAME.toml and test_NAME.py into `out`: fine-tuning, with a place for your idea.

    Returns:
        The paths of the files, in that order.

    Raises:
        SpecError: the name cannot be used, or one of the files exists; nothing was written.
        StoreError: the folder cannot be written.
        CardError: the cards of the existing methods cannot be read.
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
            raise SpecError(f"{error.filename} already exists; nothing was written") from error
        raise StoreError(f"cannot write in {folder}: {error.strerror or error}") from error
    return written


def _check_name(name: str, class_name: str) -> None:
    if not re.fullmatch(NAME, name):
        raise SpecError(f"a method's name is made of lowercase letters, digits and _, a letter first, unlike {name!r}")
    taken = registry.methods().get(name)
    if taken is not None:
        raise SpecError(f"there is already a method '{name}': {taken.path}")
    if keyword.iskeyword(name) or keyword.iskeyword(class_name):
        raise SpecError(f"'{name}' cannot be the name of a method: it is a keyword of Python")
    # Python and pytest put the folder of what they run on sys.path: a random.py there would be imported as `random`.
    hidden = importlib.util.find_spec(name)
    if hidden is not None and hidden.origin and Path(hidden.origin).parent != Path.cwd():
        raise SpecError(f"{name}.py would hide the installed module '{name}'; choose another name")
