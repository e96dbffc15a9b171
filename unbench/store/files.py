"""Atomic writes: a reader sees the old content of a file or the new, never half of it."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from unbench.errors import RUN, DamagedError, SpecError, StoreError, refusals_as
from unbench.store.checksum import add_checksum, is_intact


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Yield a temporary path beside `target` that takes its place if the block ends well, and vanishes if not."""
    with refusals_as(StoreError, f"cannot write in {target.parent}"):
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
    os.close(handle)
    temporary = Path(name)
    try:
        with refusals_as(StoreError, f"cannot write {target}"):
            yield temporary
            # mkstemp keeps files from everyone else, but results folders are shared.
            temporary.chmod(0o666 & ~_umask())
            _sync(temporary)
            temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(target: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `target` that becomes it if the block ends well, and vanishes if not.

    Raises:
        StoreError: it cannot be made, or `target` exists already or cannot be written.
    """
    with refusals_as(StoreError, f"cannot write in {target.parent}"):
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        yield temporary
        with refusals_as(StoreError, f"cannot write {target}"):
            temporary.chmod(0o777 & ~_umask())
            temporary.replace(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write a text in place of what was there.

    Raises:
        StoreError: the file cannot be written; what was there stays.
    """
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` in place of what was there.

    Raises:
        StoreError: the file cannot be written; what was there stays.
    """
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def keep_from_git(folder: Path) -> None:
    """Make a folder whose files are never committed.

    Raises:
        StoreError: it cannot be written.
    """
    ignore = folder / ".gitignore"
    if not ignore.exists():
        write_text(ignore, "*\n")


def write_with_checksum(path: Path, content: bytes) -> None:
    """Fill in the blank checksum of `content` and write it in place of what was there.

    Raises:
        StoreError: the file cannot be written; what was there stays.
    """
    write_bytes(path, add_checksum(content))


def read_stored(path: Path, again: str = RUN) -> bytes:
    """Return the bytes of a stored file, whatever they are; `again` is the command that makes such a file.

    Raises:
        DamagedError: there is no such file.
        StoreError: it cannot be read.
    """
    with refusals_as(StoreError, f"cannot read {path}"):
        try:
            return path.read_bytes()
        except FileNotFoundError as error:
            raise DamagedError(path, "it is missing", again) from error


def read_verified(path: Path, again: str = RUN) -> bytes:
    """Return the bytes of a stored file, verified; `again` is the command that makes such a file.

    Raises:
        DamagedError: they do not match their checksum, or there is no such file.
        StoreError: it cannot be read.
    """
    content = read_stored(path, again)
    if not is_intact(content):
        raise DamagedError(path, "it does not match its checksum", again)
    return content


@cache
def _umask() -> int:
    # Read once: there is no way to read it without setting it, and other threads may write files.
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_text(path: Path) -> str:
    """Return the text of a user's file; raises SpecError naming it if it cannot be read."""
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error
