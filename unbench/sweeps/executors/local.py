"""Processes of this machine, one task at a time each. One that dies takes nothing else with it."""

import gc
import multiprocessing
import os
import signal
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager, suppress
from itertools import product
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from pebble import ProcessExpired, ProcessPool

from unbench.config.interpreter import collect_rarely
from unbench.experiment.failures import how_it_died
from unbench.experiment.settings import Settings
from unbench.sweeps.executors.base import Executor
from unbench.sweeps.machine import gpus
from unbench.sweeps.tasks import Outcome, Task
from unbench.sweeps.work import perform

_HELD: list[FileLock] = []
"""Locks held as long as this process lives."""


class LocalExecutor(Executor):
    """A pool of processes.

    On a machine with GPUs, each process has one for itself, or shares one if there are more processes.

    Args:
        jobs: processes.
        settings: where they work; each has `settings.threads` threads.
        options: none.
    """

    def __init__(self, jobs: int, settings: Settings, options: Mapping[str, Any]) -> None:
        super().__init__(slots=jobs + 1)  # so that no process waits for its next task
        self._settings = settings
        self._pool = ProcessPool(
            max_workers=jobs,
            context=multiprocessing.get_context("spawn"),
            initializer=_begin,
            initargs=(gpus(settings.device), jobs),
        )
        resource_tracker.ensure_running()  # now, because it would let SIGINT through again

    def start(self, tasks: Sequence[Task]) -> list[Future[Outcome]]:
        """Queue tasks."""
        with _uninterrupted():
            return [self._pool.schedule(perform, args=(task, self._settings)) for task in tasks]

    def ended(self, patience: float) -> list[tuple[Any, Outcome]]:
        """Return tasks that ended, or whose process did."""
        done, _ = wait(self.running, timeout=patience, return_when=FIRST_COMPLETED)
        return [(future, _outcome(future)) for future in done]

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
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin(gpus: Sequence[str], jobs: int) -> None:
    """Prepare a new process, before torch looks for GPUs."""
    collect_rarely()
    gc.freeze()  # every run asks for garbage collections, which need not look at what was imported
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the process that waits for us decides
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    if gpus:
        os.environ["CUDA_VISIBLE_DEVICES"] = take(gpus, share=-(-jobs // len(gpus)))


def take(gpus: Sequence[str], share: int = 1) -> str:
    """Take a GPU, until this process ends, that fewer than `share` other workers of this user and machine have."""
    while True:
        for place, gpu in product(range(share), gpus):
            lock = FileLock(Path(tempfile.gettempdir()) / f"unbench-gpu-{gpu}-{os.getuid()}-{place}.lock")
            with suppress(Timeout):
                lock.acquire(timeout=0.1)
                _HELD.append(lock)
                return gpu
