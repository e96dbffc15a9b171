"""What every sweep of a results folder was asked for, so that its progress can be told without its file."""

from __future__ import annotations

from pydantic import ValidationError

from unbench.errors import StoreError
from unbench.seeds import digest
from unbench.store.json_files import read_json, write_json
from unbench.store.results import Store
from unbench.sweeps.sweep_file import SweepCard


def remember(store: Store, card: SweepCard) -> None:
    """Store a sweep's card, once however often it is resumed."""
    said = card.model_dump(mode="json")
    path = store.sweeps / f"{digest(said)}.json"
    if not path.exists():
        write_json(path, said)


def remembered(store: Store) -> list[SweepCard]:
    """Every card that was stored.

    Raises:
        StoreError: one is damaged, or was written by a version of unbench that knows other keys.
    """
    found = []
    for path in sorted(store.sweeps.glob("*.json")):
        try:
            found.append(SweepCard.model_validate(read_json(path)))
        except ValidationError as error:
            raise StoreError(f"{path} is from another version of unbench; move it away") from error
    return found
