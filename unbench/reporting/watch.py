"""A report that is written again whenever its results have changed."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn

from unbench.errors import SpecError, UnbenchError
from unbench.store.results import Store
from unbench.store.rows_cache import Stamp

LONGEST = 86_400.0
"""The longest interval between two checks: a day, in seconds."""

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

    Checks names, sizes and modification times of the stored files, not their contents. It polls, because a network
    file system does not notify of changes by another machine. A folder that does not exist or has no run yet is waited
    for. An error is logged once, and the next round tries again.

    Args:
        results: the results folder.
        write: writes the report; takes, in words, how many runs there are and what is new since the last report.
        interval: seconds between two checks, above 0 and at most LONGEST.
        log: takes a line on what is waited for or went wrong.
        pause: waits for a number of seconds.

    Raises:
        SpecError: the interval is out of range.
    """
    if not 0 < interval <= LONGEST:
        raise SpecError(f"the interval must be above 0 and at most {LONGEST:g} seconds, not {interval:g}")
    store = Store(results)
    written: Stamps = {}
    logged = ""
    while True:
        line = ""
        try:
            # Taken before the report reads the files: what changes meanwhile is new in the next round.
            found = store.stamps()
            if not _runs(found):
                line = f"waiting for the first run in {results} ..."
            elif found != written:
                write(news(written, found))
                written = found
        except UnbenchError as error:
            line = f"{error}; tried again every {interval:g} s"
        if line and line != logged:
            log(line)
        logged = line
        pause(interval)


def news(before: Stamps, now: Stamps) -> str:
    """Return how many runs there are now, and what is new.

    >>> news({}, {"runs/a-1.parquet": (1, 1)})
    '1 run'
    >>> news({"runs/a-1.parquet": (1, 1)}, {"runs/a-1.parquet": (1, 1), "runs/b-1.parquet": (1, 2)})
    '2 runs: 1 more'

    Args:
        before, now: unbench.store.results.Store.stamps of the last report, empty for the first, and of this one.
    """
    known, runs = _runs(before), _runs(now)
    fresh = _runs({name: stamp for name, stamp in now.items() if before.get(name) != stamp})
    changes = {"more": runs - known, "tried again": fresh & known, "fewer": known - runs}
    parts = [f"{len(keys)} {what}" for what, keys in changes.items() if keys]
    total = f"{len(runs)} run{'' if len(runs) == 1 else 's'}"
    return f"{total}: {', '.join(parts) or 'other metrics'}" if before else total


def _runs(files: Stamps) -> set[str]:
    """Return the keys of the runs that have a row."""
    return {name.rpartition("-")[0] for name in files if name.startswith("runs/")}
