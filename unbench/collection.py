"""How often Python searches for garbage that refers to itself."""

from __future__ import annotations

import gc


def collect_rarely() -> None:
    """For a process that imports much and soon ends: at Python's own pace the search takes a tenth of its time."""
    gc.set_threshold(100_000, 20, 50)
