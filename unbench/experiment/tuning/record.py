"""Chosen hyper-parameters go to the method's card, whose other lines and comments stay as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from unbench.errors import CardError
from unbench.experiment.tuning.search import Tuning
from unbench.experiment.tuning.study import check_installed
from unbench.store.files import write_text


def write_to_card(tuning: Tuning) -> Path:
    """Put what was chosen under [tuned.DATASET.PRESET.SCENARIO] of the card's file; returns the file.

    Raises:
        CardError: the file cannot be read or written; it is as it was.
        SpecError: tomlkit is not installed.
    """
    check_installed()
    import tomlkit

    spec = tuning.spec
    path = spec.method.path
    assert path is not None, "every registered card was read from a file"
    try:
        document = tomlkit.parse(path.read_text("utf-8"))
        scenarios: Any = document
        for name in ("tuned", spec.dataset.name, spec.preset_name):
            if name not in scenarios:
                scenarios.add(name, tomlkit.table(is_super_table=True))  # no header of its own
            scenarios = scenarios[name]
        values = tuning.chosen.model_dump(mode="json", exclude_defaults=True)
        inline = tomlkit.inline_table()
        inline.update(values.pop("hparams"))
        table = tomlkit.table()
        table.update({**values, "hparams": inline})
        scenarios[spec.scenario.name] = table
        write_text(path, tomlkit.dumps(document))
    except (OSError, tomlkit.exceptions.TOMLKitError) as error:
        raise CardError(f"cannot write what was chosen to {path}: {error}") from error
    return path
