"""Circumstances of a result: versions, commit, device, time."""

import platform
import subprocess
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path

import torch


def now() -> str:
    """Return the time in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@cache
def versions() -> dict[str, str | bool | None]:
    """Return the versions of python, torch and unbench, and the commit of its checkout if it runs from one."""
    commit, dirty = _git()
    return {
        "python_version": platform.python_version(),
        "torch_version": torch.__version__,
        "unbench_version": version("unbench"),
        "git_commit": commit,
        "git_dirty": dirty,
    }


def device_name(device: torch.device) -> str:
    """Return the kind of device, and its model if it has one."""
    if device.type == "cuda":
        return f"cuda {torch.cuda.get_device_name(device)}"
    return device.type


def _git() -> tuple[str | None, bool | None]:
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None, None
    command = ["git", "-C", str(root), "describe", "--always", "--exclude=*", "--abbrev=40", "--dirty"]
    try:
        found = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None, None
    commit, _, dirty = found.partition("-")
    return commit, bool(dirty)
