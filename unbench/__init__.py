"""unbench: an honest benchmark of machine-unlearning methods for image classification.

The functions of `__init__.pyi` are what the command line calls (`unbench list methods` is `list_methods`, and so on).
That file is the one table of their names, for type checkers and for this module, which imports each on first use, so
that `import unbench` is instant.
"""

from importlib import import_module
from typing import Any

import lazy_loader

_public, _, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __dir__() -> list[str]:
    return sorted({*__all__, "__version__", *(name for name in globals() if name.startswith("__"))})


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("unbench")
    if name == "registry":  # its former place, which scripts of other people know
        return import_module("unbench.config.registry")
    if name not in __all__:
        raise AttributeError(f"module 'unbench' has no attribute '{name}'")
    return _public(name)
