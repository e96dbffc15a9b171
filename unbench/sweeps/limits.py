"""The memory limit of a task, watched from inside its process."""

from __future__ import annotations

import _thread
import gc
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

PATIENCE = 15.0
"""Seconds in which a task beyond its limit may still end by itself; then its process is ended."""

INTERVAL = 0.2
"""Seconds between two looks at the memory."""

EXCEEDED = 77
"""Exit code of a process that was ended because its task did not end by itself."""


class OutOfMemoryError(RuntimeError):
    """A task held more memory than it was given. Becomes a failed row."""


@contextmanager
def limited(megabytes: float | None, last_words: Callable[[Exception], None] = lambda error: None) -> Iterator[None]:
    """Raise in the block, which the main thread must run, as soon as the limit is exceeded.

    Args:
        megabytes: MiB that this process, or one that it started, may hold in memory; None for no limit.
        last_words: is given the error before the process is ended, if the block does not react to it.

    Raises:
        OutOfMemoryError: the limit was exceeded.
    """
    if megabytes is None:
        yield
        return
    gc.collect()  # memory of an earlier task, held by the frames of its error, does not count
    watch = _Watch(megabytes, last_words)
    before = signal.signal(signal.SIGINT, watch.on_signal)
    watch.start()
    try:
        try:
            yield
        finally:
            watch.ended.set()
    finally:
        # Again, because the one interrupt may have come just before; a watch that goes on would end the next task.
        watch.ended.set()
        signal.signal(signal.SIGINT, before)


def _interrupt() -> None:
    """Send a real signal, where there is one, because it also wakes the main thread from sleep."""
    main = threading.main_thread().ident
    if main is not None and hasattr(signal, "pthread_kill"):
        signal.pthread_kill(main, signal.SIGINT)
    else:
        _thread.interrupt_main()


class _Watch(threading.Thread):
    """Interrupts the main thread, as Ctrl-C would, and has the reason."""

    def __init__(self, megabytes: float, last_words: Callable[[Exception], None]) -> None:
        super().__init__(daemon=True)
        self.megabytes, self.last_words = megabytes, last_words
        self.ended = threading.Event()
        self.error: Exception | None = None

    def run(self) -> None:
        """Look, interrupt, and end the process of a task that does not react."""
        while not self.ended.wait(INTERVAL):
            held = _held()
            if held > self.megabytes:
                self.error = OutOfMemoryError(
                    f"held {held:.0f} MiB of memory, more than the {self.megabytes:.0f} MiB that the sweep gives it"
                )
                _interrupt()
                if not self.ended.wait(PATIENCE):
                    try:
                        self.last_words(self.error)
                    finally:
                        os._exit(EXCEEDED)
                return

    def on_signal(self, number: int, frame: Any) -> None:
        """Raise the error in the main thread; a Ctrl-C of the user is left to the process that waits for workers."""
        if self.error is not None and not self.ended.is_set():
            raise self.error


def _held() -> float:
    """Return the MiB that this process holds, or the process that unlearns under a time limit if that holds more."""
    import psutil

    process = psutil.Process()
    held = process.memory_info().rss
    for child in process.children():
        with suppress(psutil.NoSuchProcess):
            held = max(held, child.memory_info().rss)
    return held / 2**20
