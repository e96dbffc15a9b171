"""How this process of Python behaves, apart from what it computes."""

from __future__ import annotations

import gc


def collect_rarely() -> None:
    """Search for garbage that refers to itself less often.

    Commands import much and soon end, and at Python's own pace that search takes a tenth of their time.
    """
    gc.set_threshold(100_000, 20, 50)
