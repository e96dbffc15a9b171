"""A report that is written again whenever what it is made from has changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn

from unbench.errors import SpecError, UnbenchError
from unbench.store.results import Store
from unbench.store.rows_cache import Stamp

LONGEST = 86_400.0
"""Seconds between two looks at most: a day."""

Stamps = Mapping[str, Stamp]


def watch(
    results: Path | str,
    write: Callable[[str], object],
    *,
    interval: float = 10.0,
    log: Callable[[str], None] = lambda line: None,
    pause: Callable[[float], object] = time.sleep,
) -> NoReturn:
    """Write a report now, and again whenever rows or metrics have changed, until interrupted.

    Looks at names, sizes and times of change of the stored files and at none of their contents. It asks instead of
    being told, because a network file system tells nobody what another machine has changed. A folder that is not there
    or has no run yet is waited for. What goes wrong in a round is told of once, and the next round tries again.

    Args:
        results: the results folder.
        write: writes the report; is given in words how many runs there are, and what is new since it last did.
        interval: seconds between two looks, above 0 and at most LONGEST.
        tell: is given a line on what is waited for or went wrong.
        pause: waits for so many seconds.

    Raises:
        SpecError: such an interval cannot be waited for.
    """
    if not 0 < interval <= LONGEST:
        raise SpecError(f"the interval is above 0 and at most {LONGEST:g} seconds, not {interval:g}")
    store = Store(results)
    written: Stamps = {}
    told = ""
    while True:
        line = ""
        try:
            # Before the report reads them: what changes meanwhile is new in the next round.
            found = store.stamps()
            if not _runs(found):
                line = f"waiting for the first run in {results} ..."
            elif found != written:
                write(news(written, found))
                written = found
        except UnbenchError as error:
            line = f"{error}; tried again every {interval:g} s"
        if line and line != told:
            log(line)
        told = line
        pause(interval)


def news(before: Stamps, now: Stamps) -> str:
    """How many runs there are now, and what is new.

    >>> news({}, {"runs/a-1.parquet": (1, 1)})
    '1 run'
    >>> news({"runs/a-1.parquet": (1, 1)}, {"runs/a-1.parquet": (1, 1), "runs/b-1.parquet": (1, 2)})
    '2 runs: 1 more'

    Args:
        before, now: unbench.store.results.Store.stamps of the last report, empty for the first, and of this one.
    """
    known, runs = _runs(before), _runs(now)
    fresh = {run for name, stamp in now.items() if before.get(name) != stamp for run in _runs({name: stamp})}
    parts = [
        f"{number} {what}"
        for number, what in (
            (len(runs - known), "more"),
            (len(fresh & known), "tried again"),
            (len(known - runs), "fewer"),
        )
        if number
    ]
    total = f"{len(runs)} run{'' if len(runs) == 1 else 's'}"
    return f"{total}: {', '.join(parts) or 'other metrics'}" if before else total


def _runs(files: Stamps) -> set[str]:
    """Keys of the runs that have a row."""
    return {name.rpartition("-")[0] for name in files if name.startswith("runs/")}
