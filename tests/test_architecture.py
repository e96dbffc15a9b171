"""The house keeps its shape: few rooms, imports in one direction, small files, short signatures, names used once."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
PACKAGE = REPO / "unbench"
FILES = sorted(PACKAGE.rglob("*.py"))

MOST_ENTRIES, MOST_LINES, MOST_PARAMETERS = 20, 400, 8


def test_the_package_is_seen_in_one_screen() -> None:
    entries = {path.name for path in PACKAGE.iterdir()} - {"__pycache__"}
    assert len(entries) <= MOST_ENTRIES, sorted(entries)


def test_each_room_imports_only_rooms_below_it() -> None:
    # In a process of its own: import-linter disables the loggers that other tests listen to.
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]
    found = subprocess.run([*command, "--no-cache"], cwd=REPO, capture_output=True, text=True)
    assert found.returncode == 0, found.stdout + found.stderr


def test_files_are_short() -> None:
    lengths = {path.relative_to(REPO).as_posix(): len(path.read_text("utf-8").splitlines()) for path in FILES}
    assert {name: length for name, length in lengths.items() if length > MOST_LINES} == {}


def test_functions_take_few_parameters_outside_the_command_line() -> None:
    long = [
        f"{path.relative_to(REPO)}:{function.lineno}: {function.name} takes {count}"
        for path in FILES
        if "cli" not in path.relative_to(PACKAGE).parts
        for function in _functions(path)
        if (count := _parameters(function)) > MOST_PARAMETERS
    ]
    assert long == []


def test_no_two_classes_share_a_name() -> None:
    places = defaultdict(list)
    for path in FILES:
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(path.relative_to(REPO).as_posix())
    assert {name: files for name, files in places.items() if len(files) > 1} == {}


def _functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node


def _parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count the parameters that a caller passes."""
    given = function.args
    names = [one.arg for one in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return len([name for name in names if name not in ("self", "cls")])
