"""What `import unbench` offers, and what it costs."""

from __future__ import annotations

import ast
import importlib.metadata
import pkgutil
import subprocess
import sys
import types
from pathlib import Path

import pytest

import unbench
from unbench import methods
from unbench.experiment.run import run

FOLDER = Path(methods.__file__).parent
METHOD_FILES = [path for path in sorted(FOLDER.glob("*.py")) if path.stem not in ("__init__", "base")]


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


def test_no_room_has_the_name_of_a_function() -> None:
    rooms = {module.name for module in pkgutil.iter_modules(unbench.__path__)}
    assert not rooms & set(unbench.__all__), "importing the room would hide the function"


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


@pytest.mark.parametrize("path", METHOD_FILES, ids=lambda path: path.stem)
def test_a_method_file_imports_from_unbench_methods_alone(path: Path) -> None:
    imports = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Import)]
    froms = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.ImportFrom)]
    modules = {alias.name for node in imports for alias in node.names} | {str(node.module) for node in froms}
    ours = {module for module in modules if module.partition(".")[0] == "unbench"}
    parents = {f"unbench.methods.{path.stem}" for path in METHOD_FILES}
    assert ours <= {"unbench.methods"} | parents
    others = {module.partition(".")[0] for module in modules - ours}
    assert others <= {"torch", "numpy"} | sys.stdlib_module_names
    assert {alias.name for node in froms if node.module == "unbench.methods" for alias in node.names} <= set(
        methods.__all__
    )


def test_what_authors_need_is_exported_under_its_name() -> None:
    assert {"Method", "Access", "Batch", "Progress", "NotApplicableError", "descend", "seeded"} <= set(methods.__all__)
    assert not [name for name in methods.__all__ if name.startswith("_")]
    assert not [name for name in methods.__all__ if isinstance(getattr(methods, name), types.ModuleType)]
