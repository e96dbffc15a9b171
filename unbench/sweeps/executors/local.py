"""Processes of this machine, one task at a time each. One that dies takes nothing else with it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from itertools import cycle
from multiprocessing import resource_tracker
from pathlib import Path

from filelock import FileLock, Timeout
from pebble import ProcessExpired, ProcessPool

from unbench.config.interpreter import collect_rarely
from unbench.experiment.failures import how_it_died
from unbench.experiment.settings import Settings
from unbench.sweeps.executors.base import perform
from unbench.sweeps.tasks import Outcome, Task

_HELD: list[FileLock] = []
"""Locks held as long as this process lives."""


class LocalExecutor:
    """A pool of processes.

    Args:
        jobs: processes.
        settings: where they work; each has `settings.threads` threads.
        gpus: of the machine; with any, each process has one for itself, or shares one if there are more processes.
    """

    def __init__(self, jobs: int, settings: Settings, gpus: Sequence[str] = ()) -> None:
        self._jobs, self._settings = jobs, settings
        self._running: dict[Future[Outcome], Task] = {}
        self._pool = ProcessPool(
            max_workers=jobs,
            context=multiprocessing.get_context("spawn"),
            initializer=_begin,
            initargs=(tuple(gpus), -(-jobs // len(gpus)) if gpus else 0),
        )
        resource_tracker.ensure_running()  # now, because it would let SIGINT through again

    @property
    def room(self) -> int:
        """One task more than there are processes, so that none waits for the next."""
        return self._jobs + 1 - len(self._running)

    def submit(self, tasks: Sequence[Task]) -> None:
        """Queue tasks."""
        with _uninterrupted():
            for task in tasks:
                self._running[self._pool.schedule(perform, args=(task, self._settings))] = task

    def finished(self, patience: float) -> list[tuple[Task, Outcome]]:
        """Return tasks that ended, or whose process did."""
        done, _ = wait(self._running, timeout=patience, return_when=FIRST_COMPLETED)
        return [(self._running.pop(future), _outcome(future)) for future in done]

    def close(self) -> None:
        """End the processes."""
        self._pool.stop()
        self._pool.join()


def _outcome(future: Future[Outcome]) -> Outcome:
    error = future.exception()
    if error is None:
        return future.result()
    if isinstance(error, ProcessExpired):
        return Outcome("died", how_it_died(error.exitcode))
    return Outcome("died", f"its process could not do it: {' '.join(str(error).split())}")


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Keep Ctrl-C from processes that are started meanwhile, also by threads that are, until they ignore it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin(gpus: Sequence[str], share: int) -> None:
    """In a new process, before torch looks for GPUs."""
    collect_rarely()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the process that waits for us decides
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    if gpus:
        os.environ["CUDA_VISIBLE_DEVICES"] = take(gpus, share)


def take(gpus: Sequence[str], share: int = 1) -> str:
    """Take a GPU, until this process ends, that fewer than `share` other workers of this user and machine have."""
    places = [f"{gpu}-{os.getuid()}-{place}" for place in range(share) for gpu in gpus]
    while True:
        for gpu, place in zip(cycle(gpus), places, strict=False):
            lock = FileLock(Path(tempfile.gettempdir()) / f"unbench-gpu-{place}.lock")
            try:
                lock.acquire(timeout=0.1)
            except Timeout:
                continue
            _HELD.append(lock)
            return gpu
