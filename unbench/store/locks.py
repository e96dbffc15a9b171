"""Who is at work on what: a lock of the operating system with a note beside it.

The lock is what counts. It is free as soon as its process is dead, so nobody waits for a machine that is gone, and no
clock is asked. On a network file system this needs one that honours locks between machines, as NFS 4, Lustre (mounted
with flock), CephFS and GPFS do, and that renames in one step.
"""

from __future__ import annotations

import getpass
import json
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from unbench.errors import BusyError, StoreError, refusals_as
from unbench.store.files import write_text

logger = logging.getLogger("unbench")


@contextmanager
def locked(folder: Path, name: str, wait: bool = True) -> Iterator[None]:
    """Hold the lock FOLDER/<name>.lock while the block runs.

    Args:
        folder: of the locks, made if it is not there.
        name: of the work.
        wait: until it is free.

    Raises:
        BusyError: another process holds it, and `wait` is false.
        StoreError: the file system has no locks, or the folder cannot be written, or the disk is full.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / f"{name}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            if not wait:
                raise BusyError(f"another process is at work on {name}") from error
            logger.warning("another process is at work on %s; waiting until it is done", name)
            lock.acquire()
    except (OSError, NotImplementedError) as error:
        raise StoreError(f"cannot lock {folder / name}: {error}") from error
    note = folder / f"{name}.json"
    try:
        write_text(note, json.dumps(_who()))
        yield
    finally:
        with suppress(OSError):  # a note without its lock says nothing
            note.unlink()
        lock.release()


def holders(folder: Path) -> dict[str, dict[str, Any]]:
    """Who holds which claim of a folder: user, host, pid and since when (UTC, by the clock of that host)."""
    found = {}
    for note in sorted(folder.glob("*.json")):
        if is_held(folder, note.stem):
            with suppress(OSError, ValueError):
                found[note.stem] = json.loads(note.read_text("utf-8"))
    return found


def is_held(folder: Path, name: str) -> bool:
    """Whether a living process holds a claim; raises StoreError if it may not be asked."""
    path = folder / f"{name}.lock"
    if not path.exists():
        return False
    lock = FileLock(path)
    with refusals_as(StoreError, f"cannot lock {path}"):
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return True
    lock.release()
    return False


def _who() -> dict[str, Any]:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container without an entry for its user
        user = str(os.getuid())
    since = datetime.now(UTC).isoformat(timespec="seconds")
    return {"user": user, "host": socket.gethostname(), "pid": os.getpid(), "since": since}
