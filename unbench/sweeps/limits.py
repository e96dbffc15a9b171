"""Caps on the time and the memory of a task, watched from inside its process."""

from __future__ import annotations

import _thread
import gc
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from unbench.errors import TimedOutError

PATIENCE = 15.0
"""Seconds in which a task that has hit a cap may still end by itself; then its process does."""

INTERVAL = 0.2
"""Seconds between two looks at clock and memory."""

EXCEEDED = 77
"""Exit code of a process that was ended because its task did not end by itself."""


class OutOfMemoryError(RuntimeError):
    """A task held more memory than it was given. Becomes a failed row."""


@contextmanager
def limited(
    seconds: float | None, megabytes: float | None, last_words: Callable[[Exception], None] = lambda error: None
) -> Iterator[None]:
    """Raise in the block, which the main thread must run, as soon as a cap is exceeded.

    Args:
        seconds: of wall-clock time; None for no cap.
        megabytes: MiB that the process may hold in memory; None for no cap.
        last_words: is given the error before the process is ended, where the block does not react to it.

    Raises:
        TimedOutError, OutOfMemoryError: a cap was exceeded.
    """
    if seconds is None and megabytes is None:
        yield
        return
    if megabytes is not None:
        gc.collect()  # what a task before this one held, in the frames of its error, is not this one's
    watch = _Watch(seconds, megabytes, last_words)
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
    """A real signal, where there is one, because it also wakes the main thread from sleep."""
    main = threading.main_thread().ident
    if main is not None and hasattr(signal, "pthread_kill"):
        signal.pthread_kill(main, signal.SIGINT)
    else:
        _thread.interrupt_main()


class _Watch(threading.Thread):
    """Interrupts the main thread, as Ctrl-C would, and says why."""

    def __init__(self, seconds: float | None, megabytes: float | None, last_words: Callable[[Exception], None]) -> None:
        super().__init__(daemon=True)
        self.seconds, self.megabytes, self.last_words = seconds, megabytes, last_words
        self.ended = threading.Event()
        self.error: Exception | None = None
        self._begun = time.monotonic()

    def run(self) -> None:
        """Look, interrupt, and end the process of a task that does not react."""
        while not self.ended.wait(INTERVAL):
            self.error = self._exceeded()
            if self.error is not None:
                _interrupt()
                if not self.ended.wait(PATIENCE):
                    try:
                        self.last_words(self.error)
                    finally:
                        os._exit(EXCEEDED)
                return

    def on_signal(self, number: int, frame: Any) -> None:
        """In the main thread; a Ctrl-C of the user is left to the process that waits for the workers."""
        if self.error is not None and not self.ended.is_set():
            raise self.error

    def _exceeded(self) -> Exception | None:
        import psutil

        if self.seconds is not None and time.monotonic() - self._begun > self.seconds:
            return TimedOutError(f"took longer than the {self.seconds:.3g} s that the sweep gives it")
        if self.megabytes is not None:
            held = psutil.Process().memory_info().rss / 2**20
            if held > self.megabytes:
                return OutOfMemoryError(
                    f"held {held:.0f} MiB of memory, more than the {self.megabytes:.0f} MiB that the sweep gives it"
                )
        return None
