"""Seeds and digests from meaning: what is drawn depends on its purpose, never on order, worker or device."""

import hashlib
import json
from typing import Any


def canonical(value: Any) -> str:
    """Return the one JSON text of a value: sorted keys, no spaces, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False)


def digest(value: Any, length: int = 16) -> str:
    """Return the first `length` hexadecimal digits of the SHA-256 of the canonical JSON."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()[:length]


def derive_seed(*meaning: Any) -> int:
    """Return the seed in [0, 2**63) that belongs to `meaning`, such as ("oracle", "digits", 0)."""
    return int(digest(list(meaning)), 16) >> 1
