"""Writing what tuning chose, so that the file's other choices and comments stay as they are."""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from unbench.config.tuned import Place, parse_choices, read_tuned
from unbench.errors import CardError
from unbench.experiment.tuning.search import Tuning
from unbench.experiment.tuning.study import check_installed
from unbench.store.files import write_text
from unbench.store.locks import locked


def check_out(file: Path) -> None:
    """Raise CardError, before any work is done, if `file` exists and is not one of tuned values."""
    if file.exists():
        read_tuned(file)


def write_choice(tuning: Tuning, file: Path) -> None:
    """Put what was chosen under [METHOD.DATASET.PRESET.SCENARIO] of a file of tuned values, which may not exist yet.

    Raises:
        CardError: the file exists and is not one of tuned values, or the choice cannot be added; it stays as it is.
        StoreError: the file cannot be written; what was there stays.
        SpecError: tomlkit is not installed.
    """
    check_installed()
    import tomlkit

    spec = tuning.spec
    place = Place(spec.method.name, spec.dataset.name, spec.preset_name, spec.scenario.name)
    values = tuning.chosen.model_dump(mode="json", exclude_defaults=True)
    with locked(file.parent, f".{file.name}"):
        check_out(file)
        before = file.read_text("utf-8") if file.exists() else ""
        try:
            after = _with_choice(before, place, values)
            wanted = {**parse_choices(tomllib.loads(before)), place: tuning.chosen}
            complete = parse_choices(tomllib.loads(after)) == wanted
        except (tomlkit.exceptions.TOMLKitError, ValueError):
            complete = False
        if not complete:  # such as a choice inside an inline table
            raise CardError(
                f"cannot add [{'.'.join(place)}] to {file} without losing other lines; choose another --out"
            )
        write_text(file, after)


def _with_choice(text: str, place: Sequence[str], values: Mapping[str, Any]) -> str:
    import tomlkit

    document = tomlkit.parse(text)
    parent: Any = document
    for name in place[:-1]:
        if name not in parent:
            parent.add(name, tomlkit.table(is_super_table=True))  # no header of its own
        parent = parent[name]
    if place[-1] not in parent:
        parent.add(place[-1], tomlkit.table())
    # An old table is changed in place: in TOML, comments between two tables belong to the first.
    table = parent[place[-1]]
    for key in table.keys() - values.keys():
        del table[key]
    hparams = tomlkit.inline_table()
    hparams.update(values["hparams"])
    table.update({**values, "hparams": hparams})
    return tomlkit.dumps(document)
