"""A search with Optuna that can be interrupted anywhere and continues to the same outcome."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unbench.config.cards import Hyperparameter, Value
from unbench.config.seeds import derive_seed, digest
from unbench.errors import SpecError

if TYPE_CHECKING:
    import optuna

RANDOM_TRIALS = 8
"""Number of trials drawn at random before the sampler has seen enough to model the scores."""

DIGITS = 3
"""Significant digits of a suggested number: more mean nothing and are hard to read."""


@dataclass(frozen=True)
class Trial:
    """Values that were tried and their score; smaller is better."""

    number: int
    values: dict[str, Value]
    score: float


class Study:
    """Trials of one search, on disk once they are finished.

    Each suggestion is a function of the trials before it: it comes from a new sampler with a seed of its own.

    Args:
        file: Optuna's journal, made if it is missing; its name is that of the study.

    Raises:
        SpecError: Optuna is not installed.
    """

    def __init__(self, file: Path) -> None:
        optuna = _optuna()
        file.parent.mkdir(parents=True, exist_ok=True)
        journal = optuna.storages.journal
        self.file = file
        # A lock file, because links, the default, do not exist on every file system.
        backend = journal.JournalFileBackend(str(file), lock_obj=journal.JournalFileOpenLock(str(file)))
        storage = optuna.storages.JournalStorage(backend)
        self._study = optuna.create_study(study_name=file.stem, storage=storage, load_if_exists=True)

    def __len__(self) -> int:
        return len(self._study.trials)

    @property
    def first(self) -> Trial:
        """Trial of the defaults."""
        return _trial(self._study.trials[0])

    def ranked(self, count: int | None = None) -> list[Trial]:
        """Return the first `count` trials, best first, each set of values once; of equal scores the earlier first."""
        different = {tuple(sorted(trial.params.items())): trial for trial in reversed(self._study.trials[:count])}
        return [_trial(one) for one in sorted(different.values(), key=lambda trial: (trial.value, trial.number))]

    def suggest(self, space: Mapping[str, Hyperparameter], defaults: Mapping[str, Value]) -> dict[str, Value]:
        """Return the values to try next: first the defaults, then what TPE (Bergstra et al., NeurIPS 2011) suggests."""
        if len(self) == 0:
            return {name: defaults[name] for name in space}
        optuna = _optuna()
        seed = derive_seed("tuning", self.file.stem, len(self)) % 2**32
        sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=RANDOM_TRIALS)
        # A copy in memory, so that a trial that never finishes leaves no trace.
        copy = optuna.create_study(sampler=sampler)
        copy.add_trials(self._study.trials)
        trial = copy.ask({name: _distribution(knob) for name, knob in space.items()})
        return {name: _rounded(trial.params[name], knob) for name, knob in space.items()}

    def record(
        self, space: Mapping[str, Hyperparameter], values: Mapping[str, Value], score: float, run_key: str
    ) -> None:
        """Store a finished trial."""
        optuna = _optuna()
        finished = optuna.trial.create_trial(
            params=dict(values),
            distributions={name: _distribution(knob) for name, knob in space.items()},
            value=score,
            user_attrs={"run_key": run_key},
        )
        self._study.add_trial(finished)


def study_name(meaning: Mapping[str, Any]) -> str:
    """Return the name of the study of this meaning, and of its file."""
    return f"{meaning['method'][0]}-{meaning['dataset'][0]}-{meaning['scenario']}-{digest(meaning, 8)}"


def _distribution(knob: Hyperparameter) -> optuna.distributions.BaseDistribution:
    kinds = _optuna().distributions
    assert knob.search is not None
    if not knob.is_number:
        return kinds.CategoricalDistribution(knob.search)
    low, high = knob.search
    kind = kinds.IntDistribution if isinstance(knob.default, int) else kinds.FloatDistribution
    return kind(low, high, log=knob.log)


def _rounded(value: Value, knob: Hyperparameter) -> Value:
    if not isinstance(value, float):
        return value
    assert knob.search is not None
    low, high = map(float, knob.search)
    return min(high, max(low, float(f"{value:.{DIGITS}g}")))


def _trial(trial: optuna.trial.FrozenTrial) -> Trial:
    assert trial.value is not None
    return Trial(trial.number, dict(trial.params), trial.value)


def check_installed() -> None:
    """Raise SpecError, with what to install, if a package that tuning needs is missing."""
    for package in ("optuna", "tomlkit"):
        if importlib.util.find_spec(package) is None:
            raise SpecError(f'tuning needs {package}: pip install "unbench[tune]"')


@cache
def _optuna() -> Any:
    check_installed()
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    return optuna
