"""Train as many shadow models as are asked for, several at a time, and let methods make each of them forget."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Unpack

from joblib import Parallel, delayed, parallel_config

from unbench.errors import NotApplicableError, SpecError
from unbench.experiment.settings import Settings, ShadowOptions, check_keywords, resolve
from unbench.experiment.shadow_models.pool import check_count
from unbench.experiment.shadow_models.work import THREADS, make
from unbench.experiment.spec import RunSpec
from unbench.methods.base import load_method
from unbench.progress import Progress


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
    try:
        spec.check_applicable()
    except NotApplicableError as error:
        raise SpecError(str(error)) from error
    load_method(spec.method)
    settings.store.check_writable()
    settings, where = settings.portable(), f"{spec.written} on {spec.dataset.name}"
    failed: dict[int, str] = {}
    with parallel_config(backend="loky", inner_max_num_threads=THREADS):
        calls = (delayed(_numbered)(spec, settings, number) for number in range(count))
        done = Parallel(n_jobs=jobs, return_as="generator_unordered")(calls)
        for number, reason in progress.named(f"{where}: shadow models").track(done, "models", count):
            if reason is not None:
                failed[number] = reason
                log(f"{where}, shadow model {number}: {reason}")
    return ShadowSummary(spec.written, count - len(failed), failed)


def _numbered(spec: RunSpec, settings: Settings, number: int) -> tuple[int, str | None]:
    return number, make(spec, settings, number)
