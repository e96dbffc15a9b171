"""The memory limit of a task, watched from inside its process, which ends when the limit is exceeded."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

INTERVAL = 0.2
"""Seconds between two looks at the memory."""

EXCEEDED = 77
"""Exit code of a process that exceeded its limit."""


@contextmanager
def limited(megabytes: float | None, last_words: Callable[[str], None]) -> Iterator[None]:
    """End this process as soon as it exceeds its memory limit within the block.

    Args:
        megabytes: MiB that this process, or one that it started, may hold in memory; None for no limit.
        last_words: is given the reason before the process ends.
    """
    if megabytes is None:
        yield
        return
    gc.collect()  # memory of an earlier task, held by the frames of its error, does not count
    done = threading.Event()
    threading.Thread(target=_watch, args=(megabytes, last_words, done), daemon=True).start()
    try:
        yield
    finally:
        done.set()


def _watch(megabytes: float, last_words: Callable[[str], None], done: threading.Event) -> None:
    while not done.wait(INTERVAL):
        held = _held()
        if held > megabytes:
            try:
                last_words(f"held {held:.0f} MiB of memory, more than the {megabytes:.0f} MiB that the sweep gives it")
            finally:
                os._exit(EXCEEDED)


def _held() -> float:
    """Return the MiB that this process holds, or the process that unlearns under a time limit if that holds more."""
    import psutil

    process = psutil.Process()
    held = process.memory_info().rss
    for child in process.children():
        with suppress(psutil.NoSuchProcess):
            held = max(held, child.memory_info().rss)
    return held / 2**20
