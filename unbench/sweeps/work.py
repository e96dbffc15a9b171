"""One task of a sweep, in the process of a worker."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from threadpoolctl import threadpool_limits

from unbench.analysis.evaluation import evaluate_run
from unbench.config import registry
from unbench.data import Dataset, load_dataset
from unbench.errors import FOREIGN, BusyError, UnbenchError
from unbench.experiment.inputs import make_method, prepare
from unbench.experiment.reference_models import train_or_load
from unbench.experiment.run import Order, reason_of, run_spec, status_of
from unbench.experiment.shadow_models import work as shadows
from unbench.experiment.spec import RunSpec
from unbench.experiment.splits import freeze_split
from unbench.progress import LogProgress
from unbench.store.files import write_text
from unbench.store.results import Store
from unbench.sweeps.limits import limited
from unbench.sweeps.outcome import Outcome
from unbench.sweeps.plan import STAGES, Site, Task
from unbench.sweeps.sweep_file import RunRequest
from unbench.training.devices import choose_device, make_deterministic

logger = logging.getLogger("unbench")


def perform(task: Task, site: Site) -> Outcome:
    """Do a task, unless another process is at it. What goes wrong is in the outcome, not raised."""
    _settle(site)
    row, begun = None, time.perf_counter()
    try:
        with _logged(task, site), _capped(task, site):
            if task.kind == "run":
                row = _run(task, site)
            else:
                _make(task, site)
    except BusyError:
        return Outcome("busy")
    except UnbenchError as error:
        return Outcome("stopped", str(error))
    except FOREIGN as error:
        return Outcome("failed", reason_of(error), status_of(error), seconds=time.perf_counter() - begun)
    return Outcome("done", row=row, seconds=time.perf_counter() - begun)


def order(task: Task, site: Site) -> Order:
    """How a sweep wants a run to be done."""
    return Order(site.device, probe=task.request.probe, wait=False, attempts=task.attempts)


def _run(task: Task, site: Site) -> dict[str, Any]:
    """Unlearn, store, and compute the metrics while outputs and code are at hand."""
    spec, store = task.request.spec(site.results), Store(site.results)
    row = run_spec(spec, _data(spec.dataset.name, spec.preset_name, site), store, order(task, site), _progress(spec))
    if site.evaluate and row["status"] == "ok":
        evaluate_run(store, row)
    return row


def _make(task: Task, site: Site) -> None:
    """Train a model that runs share, or make a shadow model forget."""
    if task.kind in ("shadow", "shadow models"):
        reason = shadows.make(shadow_request(task.request, site), task.number)
        if reason is not None:
            raise RuntimeError(reason)
        return
    role = next(role for role in STAGES if role == task.kind)
    spec, store = task.request.spec(site.results), Store(site.results)
    data, device = _data(spec.dataset.name, spec.preset_name, site), choose_device(site.device)
    inputs = prepare(data, spec, device, _progress(spec))
    method = make_method(spec, inputs, device, _progress(spec).named(f"{spec}: {role}"))
    split = freeze_split(store, data, spec.scenario, spec.seed)
    images = inputs.data.train if role == "original" else split.retained(inputs.data)
    train_or_load(role, store, spec, method, inputs.data, images, wait=False)


def shadow_request(asked: RunRequest, site: Site) -> shadows.Request:
    """What `unbench shadow` would be asked for."""
    return shadows.Request(
        asked.method,
        asked.dataset,
        asked.scenario,
        asked.preset,
        asked.model,
        asked.start,
        site.results,
        site.data_root,
        site.device,
    )


def last_words(task: Task, site: Site) -> tuple[str, str] | None:
    """Status and reason of a task whose process was ended by its own watch, if it was; told once."""
    path = _last_words_path(task, site)
    if not path.exists():
        return None
    status, _, reason = path.read_text("utf-8").partition(": ")
    path.unlink()
    return status, reason


@lru_cache(maxsize=1)
def _settle(site: Site) -> None:
    """Make this process one worker among several."""
    os.environ.update(site.environment)
    torch.set_num_threads(site.threads)
    threadpool_limits(site.threads, user_api="blas")
    make_deterministic()


@lru_cache(maxsize=2)
def _data(dataset: str, preset: str, site: Site) -> Dataset:
    """Loaded once by each process for many tasks."""
    card = registry.dataset(dataset)
    return load_dataset(card, card.presets[preset], site.data_root, site.checksums)


def _progress(spec: RunSpec) -> LogProgress:
    return LogProgress(logger, str(spec))


def _capped(task: Task, site: Site) -> AbstractContextManager[None]:
    path = _last_words_path(task, site)
    path.unlink(missing_ok=True)  # of an earlier try that nobody was left to listen to
    seconds = site.time_limit if task.kind == "run" else None

    def speak(error: Exception) -> None:
        write_text(path, f"{status_of(error)}: {error}")

    return limited(seconds, site.memory_limit, speak)


def _last_words_path(task: Task, site: Site) -> Path:
    return Store(site.results).locks / f"{task.id}.last-words"


class _QuietHandler(logging.FileHandler):
    """A log is a convenience: where it cannot be written, the work goes on."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        return None


@contextmanager
def _logged(task: Task, site: Site) -> Iterator[None]:
    """Write what is logged meanwhile to a file of the task's own, below what earlier attempts wrote."""
    folder = Store(site.results).logs
    folder.mkdir(parents=True, exist_ok=True)
    handler = _QuietHandler(folder / f"{task.id}.log", encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger.addHandler(handler)
    level = logger.level
    logger.setLevel(logging.DEBUG)
    logger.info("%s, unbench %s, %d threads", task, version("unbench"), site.threads)
    try:
        yield
    except BusyError:
        logger.info("another process is at it")
        raise
    except Exception:
        logger.exception("%s", task)
        raise
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        with suppress(OSError):
            handler.close()
