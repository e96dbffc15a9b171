"""Results on disk: schema, tables, atomic writes, locks and checksums.

What is exported here is imported on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unbench.store.results import Store, load_metrics, load_outputs, load_results

__all__ = ["Store", "load_metrics", "load_outputs", "load_results"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'unbench.store' has no attribute '{name}'")
    return getattr(importlib.import_module("unbench.store.results"), name)
