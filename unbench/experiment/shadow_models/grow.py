"""Making of shadow models, several at a time: who sees what, training, and letting methods make each of them forget.

Each is made with one thread, so that its bits do not depend on how many are made at once.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache
from typing import Unpack

import numpy as np
import torch
from joblib import Parallel, delayed, parallel_config

from unbench.config.reference_names import ORACLE
from unbench.config.seeds import derive_seed, digest
from unbench.data.images import Dataset, Ints
from unbench.errors import FOREIGN, SpecError, UnbenchError, describe
from unbench.experiment.inputs import Inputs, datasets_of, make_method, prepare
from unbench.experiment.reference_models import train_or_load
from unbench.experiment.settings import Settings, ShadowOptions, check_keywords, resolve
from unbench.experiment.shadow_models.pool import ShadowPool, UnlearnedShadows, check_count
from unbench.experiment.spec import NUMERICS_VERSION, RunSpec
from unbench.experiment.splits import FrozenSplit
from unbench.experiment.unlearn import forget
from unbench.methods.base import Method, load_method
from unbench.progress import Progress
from unbench.scenarios import ForgetDraw, Scenario, draw_forget_set
from unbench.store.arrays import Arrays
from unbench.training.devices import choose_device, make_deterministic

THREADS = 1
"""CPU threads of each process: small models gain little from more, and sums on a CPU depend on them."""

TARGET_SEED = 2000
"""Seed of the targets that all models are asked to forget: neither that of reported forget sets nor that of tuning."""


@dataclass(frozen=True)
class ShadowSummary:
    """Number of shadow models that a method made forget by now, and why the others failed, by number."""

    method: str
    models: int
    failed: dict[int, str]


def shadow(
    method: str,
    dataset: str = "digits",
    *,
    count: int = 32,
    jobs: int = 2,
    progress: Progress | None = None,
    log: Callable[[str], None] = lambda line: None,
    **options: Unpack[ShadowOptions],
) -> ShadowSummary:
    """Make sure that `count` shadow models exist and that `method` made each of them forget its targets.

    All methods that do not train their own models share them, so only the first method waits for training. A larger
    count extends the pool; stored models are not made again. Models on which the method fails are logged and left out.

    Args:
        method: name, or name with hyper-parameters.
        dataset: name of a data set card.
        count: number of models, even and at least 4: each pair has complementary halves of the training set.
        jobs: models that are made at once, each by a process with one thread; their number changes no bit.
        progress: shows how many are done.
        log: is given a line when a method fails on a model.
        **options: scenario, preset, model, start, results, data_root, device and checksums; see
            unbench.experiment.settings.ShadowOptions.

    Raises:
        UnbenchError: the request or the files are wrong.
        SpecError: the method does not serve the scenario, or `count` is odd or too small.
    """
    check_keywords("shadow", options, ShadowOptions)
    return make_shadows(*resolve(method, dataset, options), count, jobs, progress or Progress(), log)


def make_shadows(
    spec: RunSpec, settings: Settings, count: int, jobs: int, progress: Progress, log: Callable[[str], None]
) -> ShadowSummary:
    """Do what `shadow` does, for a spec of any seed."""
    check_count(count)
    if jobs < 1:
        raise SpecError(f"the number of jobs must be at least 1, not {jobs}")
    if spec.misfit:
        raise SpecError(spec.misfit)
    load_method(spec.method)
    settings.store.check_writable()
    settings, where = settings.portable(), f"{spec.written} on {spec.dataset.name}"
    failed: dict[int, str] = {}
    with parallel_config(backend="loky", inner_max_num_threads=THREADS):
        calls = (delayed(make)(spec, settings, number) for number in range(count))
        done = Parallel(n_jobs=jobs, return_as="generator")(calls)
        for number, reason in enumerate(progress.named(f"{where}: shadow models").track(done, "models", count)):
            if reason is not None:
                failed[number] = reason
                log(f"{where}, shadow model {number}: {reason}")
    return ShadowSummary(spec.written, count - len(failed), failed)


def make(spec: RunSpec, settings: Settings, number: int) -> str | None:
    """Train shadow model `number` and apply the method, unless that is done; return why the method failed, if it did.

    Raises:
        UnbenchError: the request or the files are wrong.
    """
    with ExitStack() as afterwards:
        afterwards.callback(torch.set_num_threads, torch.get_num_threads())
        torch.set_num_threads(THREADS)
        make_deterministic()
        data, store, spec = _inputs(spec.with_seed(0), settings).data, settings.store, spec.with_seed(number)
        method, seen, split = _method(spec, settings), half(data, number), shadow_split(data, spec.scenario, number)
        forgotten = np.isin(np.arange(len(data.train)), split.forget)
        pool, oracle, cell = open_cells(spec, settings)
        try:
            trained = train_or_load("shadow", store, spec, method, data, data.train.take(seen))
            if not pool.has(number, store):
                pool.write(number, np.isin(np.arange(len(data.train)), seen), trained.logits[""])
            if not oracle.has(number, store):
                retrained = train_or_load("shadow_oracle", store, spec, method, data, split.retained(data))
                oracle.write(number, forgotten, retrained.logits[""])
            if not cell.has(number, store):
                cell.write(number, forgotten, forget(method, trained, split, data).logits[""])
        except UnbenchError:
            raise
        except FOREIGN as error:  # whatever a method does wrong is a result, and the next model goes on
            return describe(error)
    return None


def open_cells(spec: RunSpec, settings: Settings) -> tuple[ShadowPool, UnlearnedShadows, UnlearnedShadows]:
    """Return the pool, the outputs of retraining, and those of the method of `spec`; the last two may be one.

    Raises:
        UnbenchError: the request or the files are wrong.
    """
    data, method, store = _inputs(spec.with_seed(0), settings).data, _method(spec, settings), settings.store
    name, version = spec.method.name, spec.method.version
    about = {
        "numerics": NUMERICS_VERSION,
        "dataset": data.name,
        "dataset_version": data.version,
        "data_fingerprint": data.fingerprint,
        "preset": spec.preset_name,
        "settings": spec.preset.meaning(),
        "trainer": [name, version, spec.hparams] if method.own_training else ["standard"],
        "threads": THREADS,
    }
    examples: Arrays = {}
    for split, images in data.splits.items():
        examples |= {f"ids/{split}": images.ids, f"labels/{split}": images.labels}
    pool = ShadowPool.open(store, about, examples)
    place = {"scenario": spec.scenario.name, "forget_class": _targets(data, spec.scenario).forget_class}
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


def half(data: Dataset, number: int) -> Ints:
    """Return the positions in `Dataset.train` that shadow model `number` is trained on, sorted.

    Models 2i and 2i + 1 have complementary halves, so that of an even number of models exactly half saw an image.
    """
    size = len(data.train)
    order = np.random.default_rng(derive_seed("shadow half", data.name, number // 2)).permutation(size)
    return np.sort(order[: size // 2] if number % 2 == 0 else order[size // 2 :])


def shadow_split(data: Dataset, scenario: Scenario, number: int) -> FrozenSplit:
    """Divide the half of model `number`: it forgets the targets that it saw.

    The targets are drawn like any forget set of the scenario and are the same for all models.

    Raises:
        SpecError: the scenario is impossible on these data.
    """
    targets, seen = _targets(data, scenario), half(data, number)
    forget = np.intersect1d(seen, targets.forget)
    retain = np.setdiff1d(seen, targets.forget)
    ids = [data.train.ids[rows].tolist() for rows in (retain, forget)]
    return FrozenSplit(retain, forget, targets.forget_class, digest([data.fingerprint, *ids]))


def _targets(data: Dataset, scenario: Scenario) -> ForgetDraw:
    return draw_forget_set(scenario, data.train.labels, len(data.classes), TARGET_SEED)
