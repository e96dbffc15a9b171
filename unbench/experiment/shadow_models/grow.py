"""Train as many shadow models as are asked for, several at a time, and let methods make each of them forget."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from joblib import Parallel, delayed, parallel_config

from unbench.errors import NotApplicableError, SpecError
from unbench.experiment.shadow_models.count import check_count
from unbench.experiment.shadow_models.work import THREADS, Request, make
from unbench.experiment.spec import Start
from unbench.methods.loading import load_method
from unbench.progress import Progress
from unbench.store.results import Store


@dataclass(frozen=True)
class Growth:
    """What came out: how many models of the method there are now, and why the others failed."""

    method: str
    models: int
    failed: dict[int, str]


def shadow(
    method: str,
    dataset: str = "digits",
    *,
    count: int = 32,
    scenario: str = "random10",
    preset: str = "cpu",
    model: str | None = None,
    jobs: int = 2,
    start: Start = "tuned",
    results: Path | str = "results",
    data_root: Path | str | None = None,
    device: str = "auto",
    progress: Progress | None = None,
    log: Callable[[str], None] = lambda line: None,
) -> Growth:
    """Make sure that `count` shadow models exist and that `method` made each of them forget its targets.

    The models are those of all methods that do not train their own, so only the first method waits for them. Asking
    for more extends the pool. What is there is not made again. A method that fails on a model is told and left out.

    Args:
        method: name, or name with hyper-parameters.
        dataset, scenario, preset, model, start, results, data_root, device: as for `unbench.run`.
        count: of models, even and at least LEAST: each two have complementary halves of the training set.
        jobs: models that are made at once, each by a process with one thread; their number changes no bit.
        progress: tells how many are done.
        tell: is given a line when a method fails on a model.

    Raises:
        UnbenchError: the request or the files are wrong.
        SpecError: the method cannot serve this, or `count` is odd or too small.
    """
    check_count(count)
    if jobs < 1:
        raise SpecError(f"at least one shadow model must be made at once, not {jobs}")
    root = Path(data_root) if data_root is not None else None
    request = Request(method, dataset, scenario, preset, model, start, Path(results), root, device)
    spec = request.spec()
    try:
        spec.check_applicable()
    except NotApplicableError as error:
        raise SpecError(str(error)) from error
    load_method(spec.method)
    Store(results).check_writable()
    shown = (progress or Progress()).named(f"{method} on {dataset}: shadow models")
    failed: dict[int, str] = {}
    with parallel_config(backend="loky", inner_max_num_threads=THREADS):
        calls = (delayed(_numbered)(request, number) for number in range(count))
        done = Parallel(n_jobs=jobs, return_as="generator_unordered")(calls)
        for number, reason in shown.track(done, "models", count):
            if reason is not None:
                failed[number] = reason
                log(f"{method} on {dataset}, shadow model {number}: {reason}")
    return Growth(method, count - len(failed), failed)


def _numbered(request: Request, number: int) -> tuple[int, str | None]:
    return number, make(request, number)
