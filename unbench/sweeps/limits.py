"""The memory limit of a task, watched from inside its process, which ends when the limit is exceeded."""

import gc
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from unbench.experiment.settings import Settings
from unbench.store.files import write_text
from unbench.sweeps.tasks import Task

INTERVAL = 0.2
"""Seconds between two looks at the memory."""

EXCEEDED = 77
"""Exit code of a process that exceeded its limit."""


@contextmanager
def limited(task: Task, settings: Settings) -> Iterator[None]:
    """End this process as soon as it, or one that it started, exceeds the memory limit within the block.

    The process writes the reason to a file before it ends, see `last_words`.
    """
    note = _note(task, settings)
    note.unlink(missing_ok=True)  # of an earlier attempt that nobody waited for
    if settings.memory_limit is None:
        yield
        return
    gc.collect()  # memory of an earlier task, held by the frames of its error, does not count
    done = threading.Event()
    threading.Thread(target=_watch, args=(settings.memory_limit, note, done), daemon=True).start()
    try:
        yield
    finally:
        done.set()


def last_words(task: Task, settings: Settings) -> str | None:
    """Return why the process of a task ended itself, if it did; only once."""
    note = _note(task, settings)
    if not note.exists():
        return None
    reason = note.read_text("utf-8")
    note.unlink()
    return reason


def _note(task: Task, settings: Settings) -> Path:
    return settings.store.locks / f"{task.id}.last-words"


def _watch(megabytes: float, note: Path, done: threading.Event) -> None:
    while not done.wait(INTERVAL):
        held = _held()
        if held > megabytes:
            reason = f"held {held:.0f} MiB of memory, more than the {megabytes:.0f} MiB that the sweep gives it"
            try:
                write_text(note, reason)
            finally:
                os._exit(EXCEEDED)


def _held() -> float:
    """Return the MiB that this process holds, or the process that unlearns under a time limit if that holds more."""
    process = psutil.Process()
    held = process.memory_info().rss
    for child in process.children():
        with suppress(psutil.NoSuchProcess):
            held = max(held, child.memory_info().rss)
    return held / 2**20
