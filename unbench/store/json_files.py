"""JSON objects on disk, written atomically and with a checksum."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unbench.errors import RUN, DamagedError
from unbench.store.checksum import BLANK, CHECKSUM_KEY, is_intact, is_marked
from unbench.store.files import read_stored, write_bytes, write_with_checksum


def write_json(path: Path, value: Mapping[str, Any], checksum: bool = True) -> None:
    """Write a JSON object atomically, with a checksum unless the file is to hold exactly `value`.

    Raises:
        StoreError: the file cannot be written; what was there stays.
    """
    content = {**value, CHECKSUM_KEY: BLANK} if checksum else value
    text = json.dumps(content, indent=1, sort_keys=True, allow_nan=False) + "\n"
    (write_with_checksum if checksum else write_bytes)(path, text.encode())


def read_json(path: Path, again: str = RUN, may_lack_checksum: bool = False) -> dict[str, Any]:
    """Return the object that `write_json` stored, without its checksum.

    Args:
        path: of the file.
        again: the command that makes such a file.
        may_lack_checksum: accept a file that was written before files had checksums.

    Raises:
        DamagedError: the file is missing, or not what was written.
        StoreError: it cannot be read.
    """
    content = read_stored(path, again)
    try:
        value = dict(json.loads(content))
    except (ValueError, TypeError) as error:
        raise DamagedError(path, error, again) from error
    has_checksum = is_marked(content) or CHECKSUM_KEY in value
    if not is_intact(content) and (has_checksum or not may_lack_checksum):
        raise DamagedError(path, "it does not match its checksum", again)
    value.pop(CHECKSUM_KEY, None)
    return value
