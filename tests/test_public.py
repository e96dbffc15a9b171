"""What `import unbench` offers, and what it costs."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
import types

import pytest

import unbench
from unbench.experiment.run import run


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


def test_dir_lists_every_name_and_each_is_there() -> None:
    names = [name for name in dir(unbench) if not name.startswith("__")]
    assert {"run", "sweep", "load_dataset", "load_results", "list_methods", "forget", "SweepCard"} <= set(names)
    assert len(names) == 34
    assert all(callable(getattr(unbench, name)) for name in names)
    assert unbench.run is run


def test_dir_is_complete_before_anything_is_used() -> None:
    listed = python("import unbench; print(*dir(unbench))").split()
    assert set(listed) >= {name for name in dir(unbench) if not name.startswith("__")} | {"__version__"}


def test_a_star_import_brings_the_same_names() -> None:
    found: dict[str, object] = {}
    exec("from unbench import *", found)
    assert set(found) - {"__builtins__"} == {name for name in dir(unbench) if not name.startswith("__")}


def test_the_version_is_the_packages() -> None:
    assert unbench.__version__ == importlib.metadata.version("unbench")


def test_the_registry_is_still_at_its_former_place() -> None:
    assert isinstance(unbench.registry, types.ModuleType)
    assert unbench.registry.dataset("digits").name == "digits"


def test_a_name_that_is_not_there_is_refused() -> None:
    with pytest.raises(AttributeError, match="module 'unbench' has no attribute 'runn'"):
        _ = unbench.runn


def test_importing_loads_neither_torch_nor_pandas_nor_any_room() -> None:
    code = "import sys, unbench; dir(unbench); unbench.__version__; print(*sys.modules)"
    loaded = python(code).split()
    assert not {"torch", "pandas", "numpy", "rich", "pydantic"} & set(loaded)
    assert [name for name in loaded if name.startswith("unbench.")] == []
