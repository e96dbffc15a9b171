"""Progress on standard error: bars on a terminal, and in a pipe one line after each longer piece of work."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Sized
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.console import Console

T = TypeVar("T")

WORTH_A_LINE = 1.0
"""Seconds below which finished work is not reported."""


class Progress:
    """A display of how far one named piece of work is. This base class shows nothing, for use as a library."""

    def track(self, items: Iterable[T], unit: str = "epochs", total: int | None = None) -> Iterator[T]:
        """Yield `items` while showing how many of `total` (default: len(items)) are done."""
        yield from items

    def named(self, title: str) -> Progress:
        """Return the same display under another title."""
        return self


class LogProgress(Progress):
    """A display that writes a line to a log when work begins and when it is done."""

    def __init__(self, log: logging.Logger, title: str = "") -> None:
        self.log = log
        self.title = title

    def named(self, title: str) -> LogProgress:
        """Return the same log under another title."""
        return LogProgress(self.log, title)

    def track(self, items: Iterable[T], unit: str = "epochs", total: int | None = None) -> Iterator[T]:
        """Yield `items` between the two lines."""
        started, done = time.perf_counter(), 0
        self.log.info("%s ...", self.title)
        for item in items:
            yield item
            done += 1
        self.log.info("%s: %d %s, %.1f s", self.title, done, unit, time.perf_counter() - started)


class ConsoleProgress(Progress):
    """A display that draws with rich."""

    def __init__(self, console: Console, title: str = "") -> None:
        self.console = console
        self.title = title

    def named(self, title: str) -> ConsoleProgress:
        """Return the same console under another title."""
        return ConsoleProgress(self.console, title)

    def track(self, items: Iterable[T], unit: str = "epochs", total: int | None = None) -> Iterator[T]:
        """Yield `items` behind a bar that shows the time left."""
        from rich.markup import escape
        from rich.progress import BarColumn, MofNCompleteColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as Bars

        if total is None and isinstance(items, Sized):
            total = len(items)
        started = time.perf_counter()
        done = ("{task.description}", BarColumn(), MofNCompleteColumn(), unit)
        clock = (TimeElapsedColumn(), "left", TimeRemainingColumn())
        with Bars(*done, *clock, console=self.console, transient=True, disable=not self.console.is_terminal) as bars:
            yield from bars.track(items, total=total, description=escape(self.title))
        seconds = time.perf_counter() - started
        if seconds >= WORTH_A_LINE:
            self.console.print(f"{escape(self.title)}: {total} {unit}, {seconds:.1f} s", highlight=False)
