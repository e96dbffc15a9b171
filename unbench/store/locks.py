"""Locks of the operating system, each with a note beside it that names its holder.

The lock is what counts. It is free as soon as its process is dead, so nobody waits for a machine that is gone, and no
clock is involved. A network file system must honour locks between machines, as NFS 4, Lustre (mounted with flock),
CephFS and GPFS do, and rename in one step.
"""

import getpass
import json
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from unbench.errors import BusyError, StoreError, refusals_as
from unbench.store.files import write_text

logger = logging.getLogger("unbench")


@dataclass(frozen=True)
class Holder:
    """The process that holds a lock.

    Attributes:
        user, host, pid: of the process.
        since: UTC, ISO 8601, by the clock of that host.
    """

    user: str
    host: str
    pid: int
    since: str

    def __str__(self) -> str:
        return f"{self.user} on {self.host}, process {self.pid}, since {self.since}"


@contextmanager
def locked(folder: Path, name: str, wait: bool = True) -> Iterator[None]:
    """Hold the lock FOLDER/<name>.lock while the block runs.

    Args:
        folder: of the locks, made if it is not there.
        name: of the work.
        wait: wait until the lock is free.

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
        write_text(note, json.dumps(vars(_this_process())))
        yield
    finally:
        with suppress(OSError):  # a note without its lock means nothing
            note.unlink()
        lock.release()


def holders(folder: Path) -> dict[str, Holder]:
    """Return the holder of each lock of a folder, by the lock's name."""
    found = {}
    for note in sorted(folder.glob("*.json")):
        if is_held(folder, note.stem):
            with suppress(OSError, ValueError, TypeError):
                found[note.stem] = Holder(**json.loads(note.read_text("utf-8")))
    return found


def is_held(folder: Path, name: str) -> bool:
    """Return True if a living process holds a lock.

    Raises:
        StoreError: the file system cannot tell.
    """
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


def _this_process() -> Holder:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container without an entry for its user
        user = str(os.getuid())
    since = datetime.now(UTC).isoformat(timespec="seconds")
    return Holder(user, socket.gethostname(), os.getpid(), since)
