"""Seeds from meaning: what is drawn depends on what it is for, never on order, worker or device."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def canonical(value: Any) -> str:
    """The one JSON text of a value: sorted keys, no spaces, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False)


def digest(value: Any, length: int = 16) -> str:
    """The first `length` hexadecimal digits of the SHA-256 of the canonical JSON."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()[:length]


def derive_seed(*meaning: Any) -> int:
    """A seed in [0, 2**63) that belongs to `meaning`, such as ("oracle", "digits", 0)."""
    return int(digest(list(meaning)), 16) >> 1
