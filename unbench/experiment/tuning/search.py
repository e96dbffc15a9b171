"""Equal budgets for every method: the same trials, time and rule, on forget sets that are never reported."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import mean
from typing import Any, Unpack

from unbench.config.cards import Hyperparameter, Value
from unbench.config.grammar import parse_call, write_call
from unbench.config.reference_names import NOTHING
from unbench.config.tuned import Tuned
from unbench.errors import SpecError, UnknownNameError
from unbench.experiment.settings import Settings, TuneOptions, check_keywords, resolve
from unbench.experiment.spec import NUMERICS_VERSION, RunSpec
from unbench.experiment.tuning.study import Study, Trial, study_name
from unbench.progress import Progress
from unbench.store.locks import locked

TUNING_SEED = 1000
"""Seed of the forget set, original and oracle that trials are judged on; reports are about seeds 0, 1, 2, ..."""

FINAL_SEEDS = (1001, 1002)
"""Seeds of the further forget sets that finalists are judged on: what wins on one forget set may ruin another."""

FINALISTS = 2
"""Number of the best trials that meet the defaults in the final."""

RULES = {"val_gap": "smallest Average Gap to the oracle, with the validation set in place of the test set"}
"""Columns of a row that trials can be chosen by; the smallest value wins."""

WORST = 100.0
"""Score, in points, of a trial that diverged or ran out of time; no gap is larger."""

TIME_FACTOR, LEAST_SECONDS = 2.0, 20.0
"""Time limit of a trial: this multiple of the oracle's training time, and at least this many seconds."""


@dataclass(frozen=True)
class Tuning:
    """Outcome of a study.

    Attributes:
        spec: of the runs, with the defaults of the method's card.
        chosen: values of the hyper-parameters that were searched, their score, and those it is compared with.
        study: Optuna's journal, with every trial and the key of its run.
    """

    spec: RunSpec
    chosen: Tuned
    study: Path


def tune(
    method: str,
    dataset: str = "digits",
    *,
    trials: int = 20,
    rule: str = "val_gap",
    progress: Progress | None = None,
    log: Callable[[str], None] = lambda line: None,
    **options: Unpack[TuneOptions],
) -> Tuning:
    """Search the hyper-parameters that have a `search` in the method's card, with Optuna's TPE sampler.

    Every trial is a run like any other, with seed TUNING_SEED, stored in RESULTS/tuning. The first has the defaults of
    the card. The best FINALISTS and the defaults then run on FINAL_SEEDS as well, and the smallest mean over all tuning
    seeds wins, so the choice is never worse than the defaults by the rule. Each suggestion depends only on the trials
    before it, and all are on disk: an interrupted search continues, with the same outcome. The choice is returned;
    `unbench tune` also writes it to a file.

    Args:
        method: name; values in brackets stay fixed.
        dataset: name of a data set card.
        trials: in all, those of an earlier call included; trials beyond this number do not count.
        rule: one of RULES.
        progress: shows how far a trial is.
        log: is given a line when a trial is done.
        **options: scenario, preset, model, results, data_root, device, checksums and time_limit; see
            unbench.experiment.settings.TuneOptions. Without a time limit, a trial may unlearn for TIME_FACTOR times the
            training of the oracle, at least LEAST_SECONDS.

    Raises:
        UnbenchError: the request or the files are wrong, or Optuna is not installed.
        SpecError: there is nothing to search, the method does not serve the scenario, or no trial ran to its end.
    """
    check_keywords("tune", options, TuneOptions)
    spec, settings = resolve(method, dataset, options, start="default")
    return tune_spec(spec, settings, trials, rule, progress or Progress(), log)


def tune_spec(
    spec: RunSpec, settings: Settings, trials: int, rule: str, progress: Progress, log: Callable[[str], None]
) -> Tuning:
    """Do what `tune` does, for a spec with the card's defaults and any seed."""
    if rule not in RULES:
        raise UnknownNameError("rule of tuning", rule, RULES)
    if trials < 1:
        raise SpecError(f"tuning needs at least one trial, not {trials}")
    spec = spec.with_seed(TUNING_SEED)
    fixed = {name: spec.hparams[name] for name in parse_call(spec.written)[1]}
    space = {name: knob for name, knob in spec.method.hparams.items() if knob.search and name not in fixed}
    if not space:
        raise SpecError(f"method '{spec.method.name}' has nothing to tune: its card gives no hyper-parameter to search")
    from unbench.experiment.inputs import LoadedDatasets
    from unbench.experiment.run import run_spec

    folder, time_limit = settings.results / "tuning", settings.time_limit
    settings = replace(settings, results=folder, time_limit=None)
    settings.store.check_writable()
    data = LoadedDatasets(settings, progress).load(spec)

    def scored(spec: RunSpec, limit: float | None = None) -> dict[str, Any]:
        row = run_spec(spec, data, replace(settings, time_limit=limit), progress)
        if row["status"] in ("failed", "skipped"):
            raise SpecError(f"a trial of '{spec.method.name}' {row['status']}: {row['error']}")
        return row

    idle = spec.with_method(NOTHING, {})
    nothing = scored(idle)
    limit = time_limit if time_limit is not None else max(LEAST_SECONDS, TIME_FACTOR * nothing["oracle_seconds"])
    trial_runs = _Trials(spec, fixed, space, rule, partial(scored, limit=limit), log)
    name = study_name(trial_runs.meaning(nothing["data_fingerprint"], time_limit))
    # One process at a time: each suggestion depends on the trials before it, and two processes would make the same.
    with locked(settings.store.locks, name):
        study = Study(folder / "studies" / f"{name}.log")
        while len(study) < trials:
            trial_runs.next(study, trials)
    ranked = study.ranked(trials)
    if ranked[0].score >= WORST:
        raise SpecError(
            f"no trial of '{spec.method.name}' on {spec.dataset.name} gave finite outputs within the time limit"
        )

    finalists = {trial.number: trial for trial in (study.first, *ranked[:FINALISTS])}
    finals = {number: trial_runs.final(trial) for number, trial in finalists.items()}
    winner = min(finals, key=lambda number: (finals[number], number))
    without = [nothing, *(scored(idle.with_seed(seed)) for seed in FINAL_SEEDS)]
    chosen = Tuned(
        version=spec.method.version,
        model=spec.preset.model,
        rule=rule,
        trials=trials,
        score=finals[winner],
        default_score=finals[study.first.number] if study.first.score < WORST else None,
        none_score=round(mean(_score(row, rule) for row in without), 4),
        hparams={**fixed, **finalists[winner].values},
    )
    return Tuning(spec, chosen, study.file)


@dataclass(frozen=True)
class _Trials:
    """Runs of a method that try values, one after the other.

    Attributes:
        spec: of the runs, with the method's defaults.
        fixed, space: hyper-parameters that are not searched, and those that are.
        rule: one of RULES.
        do: runs a spec and returns its row; raises SpecError if that cannot be scored.
        log: is given a line for each trial.
    """

    spec: RunSpec
    fixed: Mapping[str, Value]
    space: Mapping[str, Hyperparameter]
    rule: str
    do: Callable[[RunSpec], dict[str, Any]]
    log: Callable[[str], None]

    def meaning(self, fingerprint: str, time_limit: float | None) -> dict[str, Any]:
        """Return what makes two calls one study: all that decides the score of a trial, but not their number."""
        spec = self.spec
        return {
            "numerics": NUMERICS_VERSION,
            "method": [spec.method.name, spec.method.version, self.fixed],
            "space": {name: [knob.search, knob.log, spec.hparams[name]] for name, knob in self.space.items()},
            "dataset": [spec.dataset.name, spec.dataset.version, fingerprint],
            "scenario": spec.scenario.name,
            "preset": spec.preset.meaning(),
            "rule": self.rule,
            **({} if time_limit is None else {"time_limit": time_limit}),
        }

    def next(self, study: Study, trials: int) -> None:
        """Run the next trial of a study and record it."""
        number, values = len(study) + 1, study.suggest(self.space, self.spec.hparams)
        row = self.run(values, TUNING_SEED)
        score = _score(row, self.rule)
        study.record(self.space, values, score, row["run_key"])
        best, tried = study.ranked()[0].score, write_call(self.spec.method.name, values)
        self.log(f"trial {number} of {trials}: {self.rule} {score:.2f}, best {best:.2f}; {tried}")

    def final(self, trial: Trial) -> float:
        """Return the mean score over all tuning seeds."""
        scores = [trial.score, *(_score(self.run(trial.values, seed), self.rule) for seed in FINAL_SEEDS)]
        tried = write_call(self.spec.method.name, trial.values)
        self.log(f"final: {self.rule} {mean(scores):.2f} over {len(scores)} forget sets; {tried}")
        return round(mean(scores), 4)

    def run(self, values: Mapping[str, Value], seed: int) -> dict[str, Any]:
        """Run the method with some values; raise SpecError if that cannot be scored."""
        return self.do(self.spec.with_method(self.spec.method.name, {**self.fixed, **values}).with_seed(seed))


def _score(row: dict[str, Any], rule: str) -> float:
    """Return the value to minimise: the column that the rule names, or the worst score for runs without numbers."""
    return round(float(row[rule]), 4) if row[rule] is not None else WORST
