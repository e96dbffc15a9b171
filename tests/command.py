"""The command line in processes of its own, as a user has it."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

TIMEOUT = 300.0
"""Seconds after which a command that is waited for has failed."""

SERVER = """
import atexit, gc, importlib, json, os, runpy, sys, threading, traceback

for name in ("torch", "torchvision", "pandas", "pyarrow.parquet", "sklearn.linear_model", "scipy.stats", "PIL.Image",
             "matplotlib.pyplot", "rich.console", "typer", "pydantic"):
    importlib.import_module(name)
assert not [name for name in sys.modules if name.startswith("unbench")]
gc.collect()
gc.freeze()

def run(arguments, cwd, environment, stdout, stderr):
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(os.open(stdout, os.O_WRONLY | os.O_CREAT), 1)
    os.dup2(1 if stderr is None else os.open(stderr, os.O_WRONLY | os.O_CREAT), 2)
    sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w", buffering=1, errors="backslashreplace")
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:1] = [cwd, *filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))]
    sys.argv, code = ["unbench", *arguments], 1
    try:
        if arguments[:1] == ["-c"]:
            sys.argv = ["-c", *arguments[2:]]
            exec(arguments[1], {"__name__": "__main__"})
            code = 0
        else:
            runpy.run_module("unbench", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code or 0)

while line := sys.stdin.readline():
    asked = json.loads(line)
    if "start" in asked:
        answer = os.fork()
        if answer == 0:
            run(**asked["start"])
    else:
        pid, status = os.waitpid(asked["pid"], 0 if asked["wait"] else os.WNOHANG)
        answer = os.waitstatus_to_exitcode(status) if pid else None
    print(json.dumps(answer), flush=True)
"""
"""A program that has imported the large packages of others, and nothing of unbench. It forks for each command: a
process of its own, which spends no seconds on importing them."""


class Started:
    """A command in a process group of its own, used like a subprocess.Popen whose streams are one.

    Args:
        arguments: of `unbench`, or as for Python: "-c", a program, its arguments.
        cwd: where it runs.
        environment: all of it.
        stdout: the file or named pipe that its output goes to.
        stderr: the file that its errors go to; None for `stdout`.
    """

    def __init__(
        self, arguments: tuple[str, ...], cwd: Path, environment: dict[str, str], stdout: Path, stderr: Path | None
    ) -> None:
        streams = {"stdout": str(stdout), "stderr": stderr and str(stderr)}
        asked = {"arguments": arguments, "cwd": str(cwd), "environment": environment, **streams}
        self.pid: int = _ask(start=asked)
        self.returncode: int | None = None

    def poll(self, wait: bool = False) -> int | None:
        """The exit code; None while the process is running."""
        if self.returncode is None:
            self.returncode = _ask(pid=self.pid, wait=wait)
        return self.returncode

    def wait(self) -> int:
        """The exit code, once it has ended."""
        code = self.poll(wait=True)
        assert code is not None
        return code


def unbench(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """`unbench ARGUMENTS` in the folder `cwd`; an encoding of its own takes an interpreter that is started anew."""
    everything, command = {**os.environ, **environment}, [sys.executable, "-m", "unbench", *arguments]
    if "PYTHONIOENCODING" in environment:
        return subprocess.run(command, cwd=cwd, env=everything, capture_output=True, text=True, timeout=TIMEOUT)
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "stdout"), Path(folder, "stderr")
        code = Started(arguments, cwd, everything, out, err).wait()
        return subprocess.CompletedProcess(command, code, out.read_text(), err.read_text())


def run_together(programs: list[tuple[str, ...]]) -> list[int]:
    """The exit codes of programs that run at the same time; each is its text and its arguments."""
    nowhere = Path(os.devnull)
    started = [Started(("-c", *program), Path.cwd(), dict(os.environ), nowhere, nowhere) for program in programs]
    return [process.wait() for process in started]


def _ask(**asked: Any) -> Any:
    server = _server(os.getpid())
    assert server.stdin is not None and server.stdout is not None
    print(json.dumps(asked), file=server.stdin, flush=True)
    if not select.select([server.stdout], [], [], TIMEOUT)[0]:
        server.kill()
        _server.cache_clear()
        raise subprocess.TimeoutExpired(str(asked), TIMEOUT)
    return json.loads(server.stdout.readline())


@cache
def _server(process: int) -> subprocess.Popen[str]:
    """Return the program, started once for each process of pytest."""
    return subprocess.Popen([sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
