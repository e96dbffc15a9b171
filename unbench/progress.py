"""Progress on standard error: bars on a terminal, nothing but start and end lines in a pipe."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.console import Console

T = TypeVar("T")


class Progress:
    """Tells how far one named piece of work is. The base class says nothing, for use as a library."""

    def track(self, items: Sequence[T], unit: str = "epoch") -> Iterator[T]:
        """Yield `items` while showing how many are done."""
        yield from items

    def named(self, title: str) -> Progress:
        """The same display under another title."""
        return self


class ConsoleProgress(Progress):
    """Draws with rich on a terminal; elsewhere prints one line when a piece of work ends."""

    def __init__(self, console: Console, title: str = "") -> None:
        self.console = console
        self.title = title

    def named(self, title: str) -> ConsoleProgress:
        """The same console under another title."""
        return ConsoleProgress(self.console, title)

    def track(self, items: Sequence[T], unit: str = "epoch") -> Iterator[T]:
        """Yield `items` behind a bar with the time that is left."""
        from rich.markup import escape
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )
        from rich.progress import Progress as Bars

        started = time.perf_counter()
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn(unit),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        with Bars(*columns, console=self.console, transient=True, disable=not self.console.is_terminal) as bars:
            yield from bars.track(items, total=len(items), description=escape(self.title))
        seconds = time.perf_counter() - started
        self.console.print(f"{escape(self.title)}: {len(items)} {unit}s, {seconds:.1f} s", highlight=False)
