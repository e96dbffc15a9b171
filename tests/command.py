"""The command line in a process of its own, as a user has it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def unbench(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """`unbench ARGUMENTS` in the folder `cwd`."""
    return subprocess.run(
        [sys.executable, "-m", "unbench", *arguments],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
