"""The command line in a process of its own, as a user has it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

SERVER = """
import atexit, gc, importlib, json, os, runpy, sys, threading, traceback

for name in ("torch", "torchvision", "pandas", "pyarrow.parquet", "sklearn.linear_model", "scipy.stats", "PIL.Image",
             "matplotlib.pyplot", "rich.console", "typer", "pydantic"):
    importlib.import_module(name)
gc.collect()
gc.freeze()
print(json.dumps(sorted(name for name in sys.modules if name.startswith("unbench"))), flush=True)
while line := sys.stdin.readline():
    asked = json.loads(line)
    child = os.fork()
    if child == 0:
        for number, path in enumerate((os.devnull, asked["stdout"], asked["stderr"])):
            os.dup2(os.open(path, os.O_RDWR | os.O_CREAT), number)
        os.chdir(asked["cwd"])
        os.environ.clear()
        os.environ.update(asked["environment"])
        sys.path[0], sys.argv, code = asked["cwd"], ["unbench", *asked["arguments"]], 1
        try:
            runpy.run_module("unbench", run_name="__main__", alter_sys=True)
        except SystemExit as end:
            code = end.code
        except BaseException:
            traceback.print_exc()
        threading._shutdown()
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code or 0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
"""A program that has imported the large packages of others, and nothing of unbench. It forks for each command: a
process of its own, which spends no seconds on importing them."""


def unbench(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """`unbench ARGUMENTS` in the folder `cwd`; variables of Python itself take a new interpreter."""
    everything = {**os.environ, **environment}
    command = [sys.executable, "-m", "unbench", *arguments]
    if any(name.startswith("PYTHON") for name in environment):
        return subprocess.run(command, cwd=cwd, env=everything, capture_output=True, text=True, timeout=300)
    server = _server(os.getpid())
    assert server.stdin is not None and server.stdout is not None
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "stdout"), Path(folder, "stderr")
        asked = {
            "arguments": arguments,
            "cwd": str(cwd),
            "environment": everything,
            "stdout": str(out),
            "stderr": str(err),
        }
        print(json.dumps(asked), file=server.stdin, flush=True)
        code = int(server.stdout.readline())
        return subprocess.CompletedProcess(command, code, out.read_text(), err.read_text())


@cache
def _server(process: int) -> subprocess.Popen[str]:
    """Return the program, started once for each process of pytest."""
    server = subprocess.Popen([sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    assert json.loads(server.stdout.readline()) == [], "unbench itself is imported anew by each command"
    return server
