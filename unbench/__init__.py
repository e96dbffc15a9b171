"""unbench: an honest benchmark of machine-unlearning methods for image classification.

The functions below are what the command line calls; each is imported on first use, so that `import unbench` is
instant.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unbench.check import check_all, check_dataset, check_method
    from unbench.data import load_dataset
    from unbench.report import report
    from unbench.run import run
    from unbench.store import load_outputs, load_results

__all__ = [
    "check_all",
    "check_dataset",
    "check_method",
    "load_dataset",
    "load_outputs",
    "load_results",
    "report",
    "run",
]

_HOMES = {
    "check_all": "unbench.check",
    "check_dataset": "unbench.check",
    "check_method": "unbench.check",
    "load_dataset": "unbench.data",
    "load_outputs": "unbench.store",
    "load_results": "unbench.store",
    "report": "unbench.report",
    "run": "unbench.run",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'unbench' has no attribute '{name}'")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
