"""Unlearning under a time limit: in a process of its own, which is ended when the time is up.

A process can be ended whatever its method does: sleep, loop in compiled code, swallow exceptions. It gets the same
threads, seeds and settings as this one, so that a run has the same bits with and without a limit. One process serves
the runs that follow one another, because starting one takes seconds.
"""

import atexit
import ctypes
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

import psutil
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from unbench.data.images import Dataset
from unbench.errors import FOREIGN, DataError, TimedOutError, UnbenchError
from unbench.experiment.failures import ReportedError, how_it_died, reason_of, status_of
from unbench.experiment.inputs import datasets_of, make_method, prepare
from unbench.experiment.reference_models import ReferenceModel
from unbench.experiment.settings import Settings
from unbench.experiment.spec import RunSpec
from unbench.experiment.splits import FrozenSplit
from unbench.experiment.unlearn import Unlearned, forget
from unbench.progress import Progress
from unbench.training.cost import working_clock
from unbench.training.devices import choose_device, make_deterministic

INTERVAL = 0.05
"""Seconds between two looks at the process."""

RESOLUTION = 0.03
"""Seconds by which the system's account of a process may be wrong."""

_PROGRAM = (
    "import sys; sys.path[:] = sys.argv[2:]; from unbench.experiment.time_limit import serve; serve(int(sys.argv[1]))"
)


def forget_in_time(
    spec: RunSpec, settings: Settings, data: Dataset, split: FrozenSplit, original: ReferenceModel
) -> Unlearned:
    """Do what `forget` does, in another process, within `settings.time_limit`. The model comes back only for probing.

    Args:
        spec, settings: of the run.
        data, split, original: which the other process loads again.

    Raises:
        TimedOutError: unlearning took longer; its process was ended.
        ReportedError: the method failed.
        UnbenchError: the files are wrong.
    """
    assert settings.time_limit is not None
    blas = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
    light = replace(original, folder=original.folder.absolute(), logits={})
    threads = torch.get_num_threads()
    job = (spec, settings.portable(), data.fingerprint, split, light, threads, min(blas, default=threads))
    worker = _workers.pop() if _workers else _Worker()
    if worker.ended():
        worker = _Worker()
    try:
        worker.connection.send_bytes(pickle.dumps(job))
        kind, content = worker.receive()
        while kind in ("begin", "end"):
            if kind == "begin":
                worker.watch(settings.time_limit, threads, choose_device(settings.device))
            kind, content = worker.receive()
    except BaseException:
        worker.end()
        raise
    _workers.append(worker)  # kept for the next job
    if kind == "done":
        done: Unlearned = content
        return done
    raise content


class _Worker:
    """The other process, as this one sees it."""

    def __init__(self) -> None:
        self.connection, theirs = Pipe()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, str(theirs.fileno()), *sys.path],
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C reaches this process, which decides
            )

    def receive(self) -> tuple[str, Any]:
        """Return the next message, "begin", "end", "done" or "failed"; raise ReportedError if the process is gone."""
        try:
            message: tuple[str, Any] = pickle.loads(self.connection.recv_bytes())
        except (EOFError, ConnectionError):
            raise ReportedError("failed", how_it_died(self._process.wait())) from None
        return message

    def watch(self, limit: float, threads: int, device: torch.device) -> None:
        """Wait for the next message; raise TimedOutError once unlearning has taken `limit` seconds.

        On a CPU, processor time counts, divided among the threads, and time in which the process sleeps, but not time
        in which it waits for a processor.
        """
        process, taken = psutil.Process(self._process.pid), 0.0
        before = time.monotonic(), process.cpu_times()
        while not self.connection.poll(INTERVAL):
            with suppress(psutil.NoSuchProcess):  # receive() finds out
                now = time.monotonic(), process.cpu_times()
                passed = now[0] - before[0]
                worked = now[1].user + now[1].system - before[1].user - before[1].system
                sleeps = process.status() == psutil.STATUS_SLEEPING
                taken += passed if sleeps or device.type != "cpu" else worked / threads
                before = now
                if taken > limit + RESOLUTION:
                    raise _timed_out(limit)

    def ended(self) -> bool:
        """Return True if the process is gone."""
        return self._process.poll() is not None

    def end(self) -> None:
        """End the process, whatever it does."""
        self.connection.close()
        self._process.kill()
        self._process.wait()


_workers: list[_Worker] = []
"""The process that is kept for the next job, if any."""


@atexit.register
def _end_all() -> None:
    while _workers:
        _workers.pop().end()


def _timed_out(limit: float) -> TimedOutError:
    return TimedOutError(f"unlearning took longer than the {limit:.3g} s that it was given")


def serve(descriptor: int) -> None:
    """Do jobs until the process that sends them hangs up or ends."""
    with suppress(OSError, AttributeError):  # on Linux also in the middle of a job
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    make_deterministic()
    connection = Connection(descriptor)

    def send(kind: str, content: object = None) -> None:
        connection.send_bytes(pickle.dumps((kind, content)))

    while True:
        try:
            job = pickle.loads(connection.recv_bytes())
        except EOFError:
            return
        try:
            send("done", _do(send, *job))
        except UnbenchError as error:
            send("failed", UnbenchError(str(error)))  # some of its kinds cannot be sent
        except FOREIGN as error:  # whatever a method does wrong is a result
            send("failed", ReportedError(status_of(error), reason_of(error)))


def _do(
    send: Callable[[str], None],
    spec: RunSpec,
    settings: Settings,
    fingerprint: str,
    split: FrozenSplit,
    original: ReferenceModel,
    threads: int,
    blas_threads: int,
) -> Unlearned:
    """Unlearn from `original`, which comes without its outputs, with these threads of torch and of numpy."""
    for name in [name for name in os.environ if name.startswith("UNBENCH_")]:
        del os.environ[name]
    os.environ.update(settings.environment)
    torch.set_num_threads(threads)
    device = choose_device(settings.device)
    data = datasets_of(replace(settings, probe=False, force=False)).load(spec)
    if data.fingerprint != fingerprint:
        raise DataError(f"the files of {data.name} changed during the run; run it again")
    inputs = prepare(data, spec, device, Progress())
    method = make_method(spec, inputs, device, Progress())
    threadpool_limits(blas_threads, user_api="blas")  # now that all libraries are loaded
    clock, begun = working_clock(device), 0.0

    def begin() -> None:
        nonlocal begun
        send("begin")
        begun = clock()

    def end() -> None:
        taken = clock() - begun
        send("end")
        if settings.time_limit is not None and taken > settings.time_limit:
            raise _timed_out(settings.time_limit)

    done = forget(method, original, split, inputs.data, begin, end)
    return done if settings.probe else replace(done, model=None)
