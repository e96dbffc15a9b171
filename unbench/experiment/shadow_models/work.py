"""One shadow model, by one thread, so that its bits do not depend on how many are made at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unbench.config.reference_names import ORACLE
from unbench.data import load_dataset
from unbench.data.images import Dataset, Ints
from unbench.errors import FOREIGN, UnbenchError, describe
from unbench.experiment.inputs import Inputs, make_method, prepare
from unbench.experiment.reference_models import train_or_load
from unbench.experiment.shadow_models.halves import half, shadow_split
from unbench.experiment.shadow_models.pool import Cell, Pool
from unbench.experiment.spec import NUMERICS_VERSION, RunSpec, Start
from unbench.experiment.unlearn import forget
from unbench.methods.base import Method
from unbench.progress import Progress
from unbench.store.arrays import Arrays
from unbench.store.results import Store
from unbench.training.devices import choose_device, make_deterministic

THREADS = 1
"""Of each process: small models gain little from more, and sums on a CPU depend on it."""


@dataclass(frozen=True)
class Request:
    """What is asked of every shadow model; plain values, to be sent to other processes."""

    method: str
    dataset: str
    scenario: str
    preset: str
    model: str | None
    start: Start
    results: Path
    data_root: Path | None
    device: str

    def spec(self, number: int = 0) -> RunSpec:
        """Of one model; raises SpecError."""
        return RunSpec.parse(
            self.method, self.dataset, self.scenario, self.preset, number, self.model, self.start, self.results
        )


def open_pool(request: Request, inputs: Inputs, method: Method, forget_class: int | None) -> tuple[Pool, Cell, Cell]:
    """The pool that a request draws on, the cell of retraining, and the method's; the last two may be one."""
    spec, data = request.spec(), inputs.data
    own: list[Any] = [spec.method.name, spec.method.version, spec.hparams]
    about = {
        "numerics": NUMERICS_VERSION,
        "dataset": data.name,
        "dataset_version": data.version,
        "data_fingerprint": data.fingerprint,
        "preset": spec.preset_name,
        "settings": spec.preset.model_dump(mode="json"),
        "trainer": own if method.own_training else ["standard"],
        "threads": THREADS,
    }
    examples: Arrays = {}
    for name, images in data.splits.items():
        examples |= {f"ids/{name}": images.ids, f"labels/{name}": images.labels}
    store = Store(request.results)
    pool = Pool.open(store, about, examples)
    asked = {"scenario": spec.scenario.name, "forget_class": forget_class}
    oracle = pool.cell(store, {"method": ORACLE, "method_version": 1, "hparams": {}, **asked})
    if method.is_oracle:
        return pool, oracle, oracle
    return pool, oracle, pool.cell(store, {"method": own[0], "method_version": own[1], "hparams": own[2], **asked})


def open_cell(request: Request) -> Cell:
    """Where the models of a request are, or will be, once the method made them forget; makes the folders.

    Raises:
        UnbenchError: the request or the files are wrong.
    """
    inputs, spec = _inputs(request), request.spec()
    method = make_method(spec, inputs, choose_device(request.device), Progress())
    return open_pool(request, inputs, method, shadow_split(inputs.data, spec.scenario, 0).forget_class)[2]


def make(request: Request, number: int) -> str | None:
    """Train shadow model `number` and apply the method, unless that is done; returns why the method failed, if so.

    Raises:
        UnbenchError: the request or the files are wrong.
    """
    with _one_thread():
        make_deterministic()
        inputs, spec, store = _inputs(request), request.spec(number), Store(request.results)
        data = inputs.data
        method = make_method(spec, inputs, choose_device(request.device), Progress())
        seen, split = half(data, number), shadow_split(data, spec.scenario, number)
        pool, oracle, cell = open_pool(request, inputs, method, split.forget_class)
        try:
            trained = train_or_load("shadow", store, spec, method, data, data.train.take(seen))
            if not pool.has(number, store):
                pool.write(number, _mask(data, seen), _arrays(trained.logits))
            if not oracle.has(number, store):
                retrained = train_or_load("shadow_oracle", store, spec, method, data, split.retained(data))
                oracle.write(number, _mask(data, split.forget), _arrays(retrained.logits))
            if not cell.has(number, store):
                done = forget(method, trained, split, data)
                cell.write(number, _mask(data, split.forget), _arrays(done.logits[""]))
        except UnbenchError:
            raise
        except FOREIGN as error:  # whatever a method does wrong is a result, and the next model goes on
            return describe(error)
    return None


@lru_cache(maxsize=1)
def _inputs(request: Request) -> Inputs:
    """Loaded once by each process."""
    spec, device = request.spec(), choose_device(request.device)
    data = load_dataset(spec.dataset, spec.preset, request.data_root)
    return prepare(data, spec, device, Progress())


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _mask(data: Dataset, rows: Ints) -> NDArray[np.bool_]:
    mask = np.zeros(len(data.train), dtype=np.bool_)
    mask[rows] = True
    return mask


def _arrays(logits: Mapping[str, Tensor]) -> dict[str, NDArray[np.float32]]:
    return {name: tensor.numpy() for name, tensor in logits.items()}
