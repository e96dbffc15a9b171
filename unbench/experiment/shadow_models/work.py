"""One shadow model, made with one thread, so that its bits do not depend on how many are made at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unbench.config.reference_names import ORACLE
from unbench.data.images import Dataset, Ints
from unbench.errors import FOREIGN, UnbenchError, describe
from unbench.experiment.inputs import Inputs, datasets_of, make_method, prepare
from unbench.experiment.reference_models import train_or_load
from unbench.experiment.settings import Settings
from unbench.experiment.shadow_models.halves import half, shadow_split
from unbench.experiment.shadow_models.pool import ShadowPool, UnlearnedShadows
from unbench.experiment.spec import NUMERICS_VERSION, RunSpec
from unbench.experiment.unlearn import forget
from unbench.methods.base import Method
from unbench.progress import Progress
from unbench.store.arrays import Arrays
from unbench.store.results import Store
from unbench.training.devices import choose_device, make_deterministic

THREADS = 1
"""CPU threads of each process: small models gain little from more, and sums on a CPU depend on them."""


def open_cell(spec: RunSpec, settings: Settings) -> UnlearnedShadows:
    """Return the outputs of shadow models after the method of `spec`; make the folders.

    Raises:
        UnbenchError: the request or the files are wrong.
    """
    inputs, method = _inputs(spec.with_seed(0), settings), _method(spec.with_seed(0), settings)
    forget_class = shadow_split(inputs.data, spec.scenario, 0).forget_class
    return _open(spec, settings.store, inputs.data, method, forget_class)[2]


def make(spec: RunSpec, settings: Settings, number: int) -> str | None:
    """Train shadow model `number` and apply the method, unless that is done; return why the method failed, if it did.

    Raises:
        UnbenchError: the request or the files are wrong.
    """
    with _one_thread():
        make_deterministic()
        data, store = _inputs(spec.with_seed(0), settings).data, settings.store
        spec = spec.with_seed(number)
        method, seen, split = _method(spec, settings), half(data, number), shadow_split(data, spec.scenario, number)
        pool, oracle, cell = _open(spec, store, data, method, split.forget_class)
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


def _open(
    spec: RunSpec, store: Store, data: Dataset, method: Method, forget_class: int | None
) -> tuple[ShadowPool, UnlearnedShadows, UnlearnedShadows]:
    """Return the pool, the outputs of retraining, and those of the method; the last two may be one."""
    name, version = spec.method.name, spec.method.version
    about = {
        "numerics": NUMERICS_VERSION,
        "dataset": data.name,
        "dataset_version": data.version,
        "data_fingerprint": data.fingerprint,
        "preset": spec.preset_name,
        "settings": spec.preset.model_dump(mode="json"),
        "trainer": [name, version, spec.hparams] if method.own_training else ["standard"],
        "threads": THREADS,
    }
    examples: Arrays = {}
    for split, images in data.splits.items():
        examples |= {f"ids/{split}": images.ids, f"labels/{split}": images.labels}
    pool = ShadowPool.open(store, about, examples)
    place = {"scenario": spec.scenario.name, "forget_class": forget_class}
    oracle = pool.cell(store, {"method": ORACLE, "method_version": 1, "hparams": {}, **place})
    if method.is_oracle:
        return pool, oracle, oracle
    return pool, oracle, pool.cell(store, {"method": name, "method_version": version, "hparams": spec.hparams, **place})


@lru_cache(maxsize=1)
def _inputs(spec: RunSpec, settings: Settings) -> Inputs:
    """Return what models are fed, loaded once by each process; `spec` has seed 0."""
    return prepare(datasets_of(settings).load(spec), spec, choose_device(settings.device), Progress())


def _method(spec: RunSpec, settings: Settings) -> Method:
    return make_method(spec, _inputs(spec.with_seed(0), settings), choose_device(settings.device), Progress())


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
