"""One task of a sweep, in the process of a worker."""

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import lru_cache
from importlib.metadata import version
from typing import Any

import torch
from threadpoolctl import threadpool_limits

from unbench.analysis.evaluation import evaluate_run
from unbench.errors import FOREIGN, BusyError, UnbenchError
from unbench.experiment.failures import ReportedError, reason_of, status_of
from unbench.experiment.inputs import datasets_of
from unbench.experiment.run import Run, run_spec
from unbench.experiment.settings import Settings
from unbench.experiment.shadow_models.grow import make
from unbench.progress import LogProgress
from unbench.sweeps.limits import limited
from unbench.sweeps.tasks import Outcome, Task
from unbench.training.devices import make_deterministic

logger = logging.getLogger("unbench")


def perform(task: Task, settings: Settings) -> Outcome:
    """Do a task, unless another process is at work on it. Failures are part of the outcome, not raised."""
    _configure_process(settings)
    row, begun = None, time.perf_counter()
    try:
        with _logged(task, settings), limited(task, settings):
            row = _do(task, settings)
    except BusyError:
        return Outcome("busy")
    except UnbenchError as error:
        return Outcome("stopped", str(error))
    except FOREIGN as error:
        return Outcome("failed", reason_of(error), status_of(error), seconds=time.perf_counter() - begun)
    return Outcome("done", row=row, seconds=time.perf_counter() - begun)


def _do(task: Task, settings: Settings) -> dict[str, Any] | None:
    """Do a run and return its row, train a model that runs share, or make a shadow model forget."""
    if task.kind == "shadow" or task.kind == "shadow models":
        reason = make(task.spec, settings, task.number)
        if reason is not None:
            raise ReportedError("failed", reason)
        return None
    spec, data, progress = task.spec, datasets_of(settings).load(task.spec), LogProgress(logger, str(task.spec))
    if task.kind != "run":
        Run.open(spec, data, settings, progress).reference_model(task.kind, wait=False)
        return None
    row = run_spec(spec, data, replace(settings, probe=task.probe), progress, task.attempts)
    if settings.evaluate and row["status"] == "ok":
        evaluate_run(settings.store, row)  # while outputs and code are at hand
    return row


@lru_cache(maxsize=1)
def _configure_process(settings: Settings) -> None:
    """Make this process one worker among several."""
    os.environ.update(settings.environment)
    torch.set_num_threads(settings.threads)
    threadpool_limits(settings.threads, user_api="blas")
    make_deterministic()


class _QuietHandler(logging.FileHandler):
    """A log file that is a convenience: where it cannot be written, the work goes on."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        return None


@contextmanager
def _logged(task: Task, settings: Settings) -> Iterator[None]:
    """Write log records to the task's own file, below those of earlier attempts."""
    folder = settings.store.logs
    folder.mkdir(parents=True, exist_ok=True)
    handler = _QuietHandler(folder / f"{task.id}.log", encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger.addHandler(handler)
    level = logger.level
    logger.setLevel(logging.DEBUG)
    logger.info("%s, unbench %s, %d threads", task, version("unbench"), settings.threads)
    try:
        yield
    except BusyError:
        logger.info("another process is at work on it")
        raise
    except Exception:
        logger.exception("%s", task)
        raise
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        with suppress(OSError):
            handler.close()
