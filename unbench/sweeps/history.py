"""The cards of all sweeps of a results folder, so that their progress is known without their files."""

from __future__ import annotations

from pydantic import ValidationError

from unbench.errors import StoreError
from unbench.seeds import digest
from unbench.store.json_files import read_json, write_json
from unbench.store.results import Store
from unbench.sweeps.sweep_file import SweepCard


def store_card(store: Store, card: SweepCard) -> None:
    """Store a sweep's card, once however often it is resumed."""
    content = card.model_dump(mode="json")
    path = store.sweeps / f"{digest(content)}.json"
    if not path.exists():
        write_json(path, content)


def stored_cards(store: Store) -> list[SweepCard]:
    """Return every stored card.

    Raises:
        StoreError: one is damaged, or was written by a version of unbench with other keys.
    """
    found = []
    for path in sorted(store.sweeps.glob("*.json")):
        try:
            found.append(SweepCard.model_validate(read_json(path)))
        except ValidationError as error:
            raise StoreError(f"{path} is from another version of unbench; move it away") from error
    return found
